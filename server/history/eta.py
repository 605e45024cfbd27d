"""When a pool will be done if it goes on as it went: pure arithmetic, silent where nothing can be
told."""

from __future__ import annotations

from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)
"""What came within it says how fast it goes."""
LEAST = timedelta(minutes=10)
"""Of less than that, nothing follows."""


def time_left(
    pairs_left: int, *, pairs: int, first: datetime | None, since: datetime, at: datetime
) -> timedelta | None:
    """`pairs`: those that came since then, when nobody had a result for them yet; `first`: when the
    first of them came. None: can't be told yet. Nothing for what is done."""
    if pairs_left <= 0:
        return timedelta(0)
    if not pairs or first is None:
        return None
    took = at - max(first, since)
    return None if took < LEAST else took * pairs_left / pairs
