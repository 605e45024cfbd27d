"""What the pages show, gathered from the other domains in one view of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dva_agent.protocol import PoolStatus
from sqlalchemy.orm import Session

from server.admin import figures, plots
from server.admin.figures import Figure
from server.admin.plots import LINES, Drawn, Values
from server.admin.spans import Span
from server.config import Settings
from server.contributors import services as contributors
from server.contributors.services import ClassCount
from server.history import services as history
from server.pools import services as pools
from server.problems import services as problems
from server.problems.services import CodeCount
from server.selftests import services as selftests
from server.selftests.services import Rate
from server.trust import operator
from server.trust.load import Load, load
from server.trust.operator import SetAside
from server.work import services as work

LEASES_SHOWN = 50
CLASSES_SHOWN = 30
DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class LeaseLine:
    """`left`: until the deadline; negative once it has passed and nobody has asked for work."""

    pool: str
    unit: str
    device: str
    age: timedelta
    left: timedelta


@dataclass(frozen=True, kw_only=True)
class Overview:
    pools: Sequence[PoolStatus]
    leases: Sequence[LeaseLine]
    leases_held: int
    classes: Sequence[ClassCount]
    figures: Sequence[Figure]
    left: Mapping[str, str]
    """How long each pool still takes, by its name."""
    audits: Load
    set_aside: Sequence[SetAside]
    """Kinds of devices and shards."""
    plots: Sequence[Drawn]
    """Of the span that was asked for."""
    rows: Sequence[tuple[datetime, Sequence[float | None]]]
    """The same as rows, the latest first: a value for each of plots.LINES."""
    anything: bool
    """Whether anything happened in that span."""
    selftests: Sequence[Rate]
    """Groups of a single device, too: the operator knows the devices."""
    problems: Sequence[CodeCount]


def overview(session: Session, settings: Settings, at: datetime, span: Span) -> Overview:
    series = history.series(session, period=span.period, since=span.since(at), until=at)
    values = plots.values(series, at)
    statuses = pools.statuses(session, work.count_leased(session, at))
    return Overview(
        pools=pools.with_licences(settings, statuses),
        figures=figures.figures(session, settings, at, span),
        left=figures.left(session, statuses, at),
        leases=[
            LeaseLine(
                pool=unit.shard.pool.name,
                unit=unit.name,
                device=lease.device_id,
                age=at - lease.claimed_at,
                left=lease.deadline - at,
            )
            for lease, unit in work.held(session, LEASES_SHOWN)
        ],
        leases_held=work.count_held(session),
        classes=contributors.classes_seen(session, at - DAY, CLASSES_SHOWN),
        audits=load(session, at),
        set_aside=operator.set_aside(session),
        plots=plots.drawn(values),
        rows=_rows(series.starts, values),
        anything=any(any(line) for line in values.values()),
        selftests=selftests.rates(session, least=1),
        problems=problems.by_code(session, at),
    )


def _rows(
    starts: Sequence[datetime], values: Mapping[str, Values]
) -> Sequence[tuple[datetime, Sequence[float | None]]]:
    lines = zip(*(values[line.key] for line in LINES), strict=True)
    return list(zip(starts, lines, strict=True))[::-1]
