"""How many units a device may take in a day (UTC). Pure. Everybody begins with as many as the
operator allows; work that was found wrong brings it down at once, work that was found right brings
it back by and by, as in BOINC (https://github.com/BOINC/boinc/wiki/ProjectOptions)."""

from __future__ import annotations

AFRESH = 1024
"""What a device begins again from, whose work was found wrong."""
LEAST = 4
"""Enough to be found right by."""
GROWTH = 16
"""Units more a day, for each that was found right."""


def after_invalid(quota: int, units: int) -> int:
    """Halved for each of `units` (at least 1), from AFRESH at most."""
    return max(LEAST, min(quota, AFRESH) >> units)


def after_valid(quota: int, units: int, most: int) -> int:
    """Up to `most`, what the operator allows."""
    return min(most, quota + GROWTH * units)
