"""Minutes and hours: pure arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Period:
    """How long it is, and how long its rows are kept."""

    seconds: int
    kept: timedelta

    @property
    def length(self) -> timedelta:
        return timedelta(seconds=self.seconds)

    def start(self, at: datetime) -> datetime:
        """When the period that holds `at` began."""
        return _EPOCH + (at - _EPOCH) // self.length * self.length

    def starts(self, since: datetime, until: datetime) -> list[datetime]:
        """Of every period that has some of [since, until) in it."""
        first = self.start(since)
        count = max(-((first - until) // self.length), 0)
        return [first + number * self.length for number in range(count)]


MINUTE = Period(seconds=60, kept=timedelta(days=2))
HOUR = Period(seconds=3600, kept=timedelta(days=400))
PERIODS = (MINUTE, HOUR)


def fitting(span: timedelta) -> Period:
    """By which a chart of that span is drawn: minutes for up to six hours."""
    return MINUTE if span <= timedelta(hours=6) else HOUR
