"""Reports. A report withholds its pair at once; an operator looks at it later.

    withheld -> confirmed    an operator agrees: it stays away
             -> restored     an operator doesn't: it is handed out again, whatever is reported later

What takedowns.py takes down begins as confirmed. An operator may change the decision; a
contributor can't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, cast, get_args

import msgspec
from dva_agent import protocol
from dva_agent.protocol import PairRef, PairStatus, pack_scores, unpack_scores
from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.errors import PoolError
from server.pools import services as pools
from server.pools.services import Shard, Unit
from server.refusals import RateLimited, ResultInvalid
from server.reports.models import CONFIRMED, RESTORED, WITHHELD, Report, ReportedPair

DAY = timedelta(days=1)
TAKEDOWN = "takedown"

State = Literal["withheld", "confirmed", "restored"]
Positions = frozenset[int]
NOWHERE: Positions = frozenset()


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One reported pair, as an operator sees it."""

    id: int
    pool: str
    shard: str
    unit: str
    uid: str
    state: State
    reasons: Mapping[str, int]
    """How often each was given; TAKEDOWN stands for an operator's order."""
    reported_at: datetime
    decided_at: datetime | None


def report(
    session: Session,
    posted: protocol.Report,
    *,
    device: str,
    unit: int,
    position: int,
    per_day: int,
    at: datetime,
) -> protocol.Reported:
    """Stores what a device says of a pair, and withholds the pair unless an operator has decided.
    What the device has said before stands. Raises RateLimited past `per_day` new reports."""
    contributors.lock(session, device, at)
    # Until the transaction ends, nobody else reports a pair of this unit for the first time.
    pools.lock_unit(session, unit)
    pair = session.scalar(
        select(ReportedPair).where(ReportedPair.unit_id == unit, ReportedPair.position == position)
    )
    known = pair is not None and session.scalar(
        select(Report.id).where(Report.pair_id == pair.id, Report.device_id == device)
    )
    if not known:
        _require_room(session, device, per_day, at)
        if pair is None:
            pair = ReportedPair(
                unit_id=unit, position=position, uid=posted.uid, state=WITHHELD, reported_at=at
            )
            session.add(pair)
            session.flush()
        session.add(Report(pair_id=pair.id, device_id=device, reason=posted.reason, reported_at=at))
        session.flush()
    assert pair is not None
    return protocol.Reported(
        pool=posted.pool, unit=posted.unit, uid=posted.uid, state=cast(State, pair.state)
    )


def withheld(session: Session, units: Collection[int]) -> dict[int, Positions]:
    """The positions that are withheld now, by unit; only units that have some."""
    return _positions(session, units, (WITHHELD, CONFIRMED))


def withheld_of_shard(session: Session, shard: Shard) -> dict[int, Positions]:
    """As `withheld`, for all units of a shard."""
    rows = session.execute(
        select(ReportedPair.unit_id, ReportedPair.position)
        .join(Unit, Unit.id == ReportedPair.unit_id)
        .where(Unit.shard_id == shard.id, ReportedPair.state != RESTORED)
    )
    return _by_unit([(unit, position) for unit, position in rows])


def hide(pairs: Sequence[PairRef], positions: Positions) -> list[PairRef]:
    """The pairs of a lease; of those at `positions` only the uid."""
    return [
        PairRef(uid=pair.uid, withheld=True) if index in positions else pair
        for index, pair in enumerate(pairs)
    ]


# With each result: made once.
_REPORTED = select(ReportedPair.position, ReportedPair.state).where(
    ReportedPair.unit_id == bindparam("unit")
)


def censor(session: Session, unit: int, posted: protocol.Result) -> protocol.Result:
    """`posted` as it is to be stored: what is withheld by now has no score, whatever was posted.
    Raises ResultInvalid if something is called withheld that nobody ever reported."""
    rows = session.execute(_REPORTED, {"unit": unit})
    reported: dict[int, str] = {row.position: row.state for row in rows}
    claimed = {i for i, status in enumerate(posted.statuses) if status == PairStatus.WITHHELD}
    if unexpected := claimed - reported.keys():
        raise ResultInvalid(
            f"pair {min(unexpected)} was never withheld", code="withheld_unexpected"
        )
    return blank(posted, frozenset(p for p, state in reported.items() if state != RESTORED))


def blank(posted: protocol.Result, positions: Positions) -> protocol.Result:
    """Status WITHHELD and only zeros at `positions`. Pure."""
    if not positions:
        return posted
    scores = unpack_scores(posted.scores)
    statuses = bytearray(posted.statuses)
    width = len(scores) // len(statuses)
    for position in positions:
        scores[position * width : (position + 1) * width] = [0.0] * width
        statuses[position] = PairStatus.WITHHELD
    return msgspec.structs.replace(posted, scores=pack_scores(scores), statuses=bytes(statuses))


def listed(
    session: Session,
    *,
    pool: str | None,
    states: Collection[State],
    first: int = 0,
    count: int | None = None,
) -> list[Listed]:
    """What was reported, oldest first: all of it, or `count` from the one numbered `first` (0 is
    the first) on. Raises PoolError for a pool that isn't there."""
    query = _query(session, pool, states).order_by(ReportedPair.id).offset(first)
    return _listed(session, query if count is None else query.limit(count))


def count_listed(session: Session, *, pool: str | None, states: Collection[State]) -> int:
    """How many `listed` has in all. Raises PoolError."""
    query = _query(session, pool, states).with_only_columns(
        func.count(), maintain_column_froms=True
    )
    return session.scalar(query) or 0


def find(session: Session, number: int) -> Listed | None:
    """The reported pair of that number."""
    query = _query(session, None, get_args(State)).where(ReportedPair.id == number)
    found = _listed(session, query)
    return found[0] if found else None


def _query(
    session: Session, pool: str | None, states: Collection[State]
) -> Select[ReportedPair, Unit]:
    query = (
        select(ReportedPair, Unit)
        .join(Unit, Unit.id == ReportedPair.unit_id)
        .where(ReportedPair.state.in_(states))
    )
    if pool is not None:
        query = query.where(Unit.pool_id == pools.get_pool(session, pool).id)
    return query


def _listed(session: Session, query: Select[ReportedPair, Unit]) -> list[Listed]:
    found = session.execute(query.options(pools.WITH_POOL)).all()
    numbers = query.with_only_columns(ReportedPair.id, maintain_column_froms=True).subquery()
    reasons: dict[int, Counter[str]] = {}
    for pair, reason, count in session.execute(
        select(Report.pair_id, Report.reason, func.count())
        .where(Report.pair_id.in_(select(numbers.c.id)))
        .group_by(Report.pair_id, Report.reason)
        .order_by(Report.reason)
    ):
        reasons.setdefault(pair, Counter())[reason] = count
    return [
        Listed(
            id=pair.id,
            pool=unit.shard.pool.name,
            shard=unit.shard.name,
            unit=unit.name,
            uid=pair.uid,
            state=cast(State, pair.state),
            reasons=dict(reasons.get(pair.id, {})) | ({TAKEDOWN: 1} if pair.takedown_id else {}),
            reported_at=pair.reported_at,
            decided_at=pair.decided_at,
        )
        for pair, unit in found
    ]


def decide(
    session: Session,
    ids: Collection[int],
    state: Literal["confirmed", "restored"],
    at: datetime,
) -> int:
    """An operator's decision about reported pairs, by their numbers. All of them or none: raises
    PoolError for a number that isn't there. Returns how many it changed."""
    found = {
        pair.id: pair
        for pair in session.scalars(select(ReportedPair).where(ReportedPair.id.in_(ids)))
    }
    if missing := sorted(set(ids) - set(found)):
        raise PoolError(
            f"There is no report {missing[0]}.",
            code="report_unknown",
            next_step="dva reports list shows them with their numbers.",
        )
    changed = [pair for pair in found.values() if pair.state != state]
    for pair in changed:
        pair.state = state
        pair.decided_at = at
    return len(changed)


def _require_room(session: Session, device: str, per_day: int, at: datetime) -> None:
    times = session.scalars(
        select(Report.reported_at)
        .where(Report.device_id == device, Report.reported_at > at - DAY)
        .order_by(Report.reported_at.desc())
        .limit(per_day)
    ).all()
    if len(times) == per_day:
        free_at = times[-1] + DAY if times else at + DAY
        raise RateLimited(
            f"This device has reported {per_day} pairs within a day.",
            retry_after_s=(free_at - at).total_seconds(),
        )


def _positions(
    session: Session, units: Collection[int], states: Collection[str]
) -> dict[int, Positions]:
    rows = session.execute(
        select(ReportedPair.unit_id, ReportedPair.position).where(
            ReportedPair.unit_id.in_(units), ReportedPair.state.in_(states)
        )
    )
    return _by_unit([(unit, position) for unit, position in rows])


def _by_unit(rows: Sequence[tuple[int, int]]) -> dict[int, Positions]:
    units: dict[int, set[int]] = {}
    for unit, position in rows:
        units.setdefault(unit, set()).add(position)
    return {unit: frozenset(positions) for unit, positions in units.items()}
