"""The spans of time that the overview may look back over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from server.history.services import Period, fitting


@dataclass(frozen=True, kw_only=True)
class Span:
    """`key`: in addresses, and on the page with a capital letter."""

    key: str
    length: timedelta

    @property
    def words(self) -> str:
        return f"the last {self.key}"

    @property
    def period(self) -> Period:
        """By which its charts are drawn."""
        return fitting(self.length)

    def since(self, at: datetime) -> datetime:
        return at - self.length


HOUR = Span(key="hour", length=timedelta(hours=1))
DAY = Span(key="day", length=timedelta(days=1))
WEEK = Span(key="week", length=timedelta(days=7))
SPANS = (HOUR, DAY, WEEK)


def named(key: str) -> Span | None:
    return next((span for span in SPANS if span.key == key), None)
