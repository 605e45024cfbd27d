"""Numbers and times as the pages say them: template filters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = ("B", "kB", "MB", "GB", "TB", "PB")


def count(value: int) -> str:
    """12345 is 12,345."""
    return f"{value:,}"


def share(part: int, whole: int) -> str:
    """In percent. Neither 0 % nor 100 % is said of what isn't."""
    if whole == 0:
        return "none"
    percent = 100 * part / whole
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "99.9 %"
    return f"{percent:.1f} %" if percent % 100 else f"{percent:.0f} %"


def duration(span: timedelta) -> str:
    """The largest unit and the next: 3 d 4 h, 5 min 12 s, 40 s."""
    left = max(int(span.total_seconds()), 0)
    parts: list[str] = []
    for seconds, name in _UNITS:
        if left >= seconds or (name == "s" and not parts):
            parts.append(f"{left // seconds} {name}")
            left %= seconds
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(part for part in parts if not (part.startswith("0 ") and len(parts) > 1))


def size(value: int) -> str:
    """12345678 is 12.3 MB."""
    scaled = float(value)
    for name in _SIZES:
        if scaled < 1000 or name == _SIZES[-1]:
            return f"{scaled:.0f} {name}" if name == "B" else f"{scaled:.1f} {name}"
        scaled /= 1000
    raise AssertionError("the last size takes everything")


def clock(at: datetime) -> str:
    """14:05, in UTC like the log."""
    return f"{at.astimezone(UTC):%H:%M}"


def began(at: datetime, period_s: int) -> str:
    """When a minute or an hour began: 14:05, and 11-28 14:00, since there are hours of many
    days."""
    return clock(at) if period_s < 3600 else f"{at.astimezone(UTC):%m-%d %H:%M}"


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


def day(at: datetime) -> str:
    """2026-11-28 14:05, in UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def short(identifier: str) -> str:
    """Enough of a number of 32 digits to tell it from others by eye."""
    return identifier[:8]


FILTERS = (count, share, duration, size, clock, began, iso, day, short)
