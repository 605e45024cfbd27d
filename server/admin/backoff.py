"""How long a sign-in has to wait after failures: pure arithmetic.

Five attempts are free, then each failure doubles the wait. A network waits up to a quarter of an
hour. An account waits a minute at most, since anybody can fail in its name and its owner must still
get in: that leaves 1,440 guesses a day, against a password of twelve characters or more.
"""

from __future__ import annotations

from datetime import datetime, timedelta

FREE = 5
FIRST_S = 5.0
ACCOUNT_LONGEST_S = 60.0
NETWORK_LONGEST_S = 900.0
FORGOTTEN = timedelta(days=1)
"""A count whose last failure is older begins anew."""


def wait_s(failures: int, last_at: datetime, at: datetime, *, longest_s: float) -> float:
    """Seconds from `at` until the next attempt is let in; 0 if it is now."""
    if failures < FREE or at - last_at >= FORGOTTEN:
        return 0.0
    # No doubling past what any limit cuts off: 2.0 ** 5000 is an OverflowError.
    wait = min(FIRST_S * 2.0 ** min(failures - FREE, 32), longest_s)
    return max(wait - (at - last_at).total_seconds(), 0.0)
