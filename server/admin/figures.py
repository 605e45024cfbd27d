"""The overview's figures: what is so now, in a line each. Each open page asks for them every ten
seconds, so nothing here reads results: what happened is history's to say."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dva_agent.protocol import PoolStatus
from sqlalchemy.orm import Session

from server.admin import words
from server.admin.spans import Span
from server.config import Settings
from server.contributors import services as contributors
from server.history import services as history
from server.history.eta import WINDOW, time_left
from server.history.services import HOUR, MINUTE, Sums
from server.levels import ACTIVE
from server.pools import services as pools
from server.work import services as work

DAY = timedelta(days=1)
NOW = timedelta(minutes=5)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """`key` names it for a page that renews it."""

    key: str
    label: str
    value: str
    note: str = ""


def figures(session: Session, settings: Settings, at: datetime, span: Span) -> list[Figure]:
    """`span`: over which results are counted, and how many of those decided were confirmed."""
    now_, hour, day = (
        Sums.of(history.sums(session, period=period, since=at - span).values())
        for period, span in ((MINUTE, NOW), (MINUTE, WINDOW), (HOUR, DAY))
    )
    came = Sums.of(history.sums(session, period=span.period, since=span.since(at)).values())
    settled = history.settled_since(session, period=span.period, since=span.since(at))
    decided = settled.confirmed + settled.rejected
    oldest = work.oldest_held(session)
    people, devices = contributors.count_contributors, contributors.count_devices
    sent = day.bytes + history.model_bytes(session, at - DAY)
    return [
        Figure(
            key="rate",
            label="Pairs a second",
            value=per_s(now_.pairs, NOW),
            note=f"in 5 min; hour {per_s(hour.pairs, WINDOW)}, day {per_s(day.pairs, DAY)}",
        ),
        Figure(
            key="results",
            label=f"Results in {span.words}",
            value=words.count(came.results),
            note=f"{words.count(came.pairs)} pairs",
        ),
        Figure(
            key="leases",
            label="Leases now",
            value=words.count(work.count_held(session)),
            note="none is held" if oldest is None else f"oldest {words.duration(at - oldest)}",
        ),
        Figure(
            key="confirmed",
            label=f"Confirmed in {span.words}",
            value=words.share(settled.confirmed, decided),
            note=f"{words.count(settled.confirmed)} of {words.count(decided)} decided",
        ),
        Figure(
            key="rejected",
            label=f"Rejected in {span.words}",
            value=words.share(settled.rejected, decided),
            note=f"{words.count(settled.rejected)}, or revoked",
        ),
        Figure(
            key="contributors",
            label="Contributors now",
            value=words.count(people(session, at - ACTIVE)),
            note=f"{words.count(people(session, at - DAY))} today, "
            f"{words.count(people(session))} ever",
        ),
        Figure(
            key="devices",
            label="Devices now",
            value=words.count(devices(session, at - ACTIVE)),
            note=f"{words.count(devices(session, at - DAY))} today, "
            f"{words.count(devices(session))} ever",
        ),
        Figure(
            key="bytes",
            label="Handed out today",
            value=words.size(sent),
            note=f"in 24 h; {words.size(hour.bytes)} of units in the last hour",
        ),
        Figure(
            key="cost",
            label="Traffic cost today",
            value=cost(settings, sent),
            note="at your price" if settings.price_of_traffic else "no price is set",
        ),
        Figure(
            key="disk",
            label="Disk free",
            value=words.size(shutil.disk_usage(settings.data).free),
            note="where the data folder is",
        ),
    ]


def left(session: Session, statuses: Sequence[PoolStatus], at: datetime) -> dict[str, str]:
    """How long each pool still takes, as far as that can be told, by its name."""
    since = at - WINDOW
    lately = history.sums(session, period=MINUTE, since=since)
    ids = pools.ids(session)
    return {
        status.pool: _left(status, lately.get(ids[status.pool], Sums()), since, at)
        for status in statuses
    }


def per_s(pairs: int, span: timedelta) -> str:
    """Pairs a second on the average of a span."""
    value = pairs / span.total_seconds()
    if not value or value >= 10:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 0.1 else "< 0.1"


def cost(settings: Settings, size: float) -> str:
    """What so many bytes cost. Never guessed."""
    price = settings.price_of_traffic
    return "unknown" if price is None else money(size / 1e9 * price.amount, price.currency)


def money(amount: float, currency: str) -> str:
    """With as many digits as tell something."""
    if amount and amount < 0.01:
        return f"< 0.01 {currency}"
    return f"{amount:,.2f} {currency}"


def _left(status: PoolStatus, lately: Sums, since: datetime, at: datetime) -> str:
    span = time_left(
        status.pairs - status.pairs_done,
        pairs=lately.pairs - lately.again_pairs,
        first=lately.first,
        since=since,
        at=at,
    )
    if span is None:
        return "can't tell yet" if lately.pairs else "nobody is at it"
    if not span:
        return "done"
    # It is an estimate: seconds would only flicker.
    return words.duration(max(round(span / MINUTE.length), 1) * MINUTE.length)
