"""What audits that were drawn by lot say of a pool's scores: what a selection's certificate
passes on."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from server.pools.services import Pool, Unit
from server.results import compacted
from server.results.services import CONFIRMED, PENDING, Result
from server.results.standing import Standing
from server.trust.models import COIN, FAILED, PASSED, TAIL, Audit

POSITION_BYTES = 2


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """`results`, `pairs`: those that stand in the asked state; `_audited`: those of them that
    passed audits looked at. `audits`: decided ones of the whole pool, and how many failed; only
    those by coin and across a tail, since what is looked at for a suspicion fails more often."""

    results: int
    results_audited: int
    pairs: int
    pairs_audited: int
    audits: int
    audits_failed: int


def sampled(session: Session, pool: Pool, state: Standing) -> Sampled:
    states = (PENDING, CONFIRMED) if state == "all" else (state,)
    # Of units that several contributors had, the one whose scores are the unit's.
    standing = Result.state.in_(states), Result.copy == 0, Unit.pool_id == pool.id
    results, pairs = session.execute(
        select(func.count(), func.coalesce(func.sum(Unit.pairs), 0))
        .select_from(Result)
        .join(Unit, Result.unit_id == Unit.id)
        .where(*standing)
    ).one()
    # Two audits of one result may have drawn a pair twice: the larger counts.
    looked = (
        select(func.max(func.length(Audit.positions)).label("bytes"))
        .join(Result, Audit.result_id == Result.id)
        .join(Unit, Result.unit_id == Unit.id)
        .where(*standing, Audit.state == PASSED)
        .group_by(Audit.result_id)
        .subquery()
    )
    audited, size = session.execute(
        select(func.count(), func.coalesce(func.sum(looked.c.bytes), 0)).select_from(looked)
    ).one()
    away = compacted.counts(session, pool)
    if CONFIRMED in states:
        results, pairs = results + away.results, pairs + away.pairs
        audited += away.results_audited
        size += away.pairs_audited * POSITION_BYTES
    return Sampled(
        results=results,
        results_audited=audited,
        pairs=int(pairs),
        pairs_audited=int(size) // POSITION_BYTES,
        audits=_drawn(session, pool, Audit.state.in_((PASSED, FAILED))) + away.audits,
        audits_failed=_drawn(session, pool, Audit.state == FAILED),
    )


def _drawn(session: Session, pool: Pool, decided: ColumnElement[bool]) -> int:
    query = (
        select(func.count())
        .select_from(Audit)
        .join(Result, Audit.result_id == Result.id)
        .join(Unit, Result.unit_id == Unit.id)
        .where(Unit.pool_id == pool.id, Audit.kind.in_((COIN, TAIL)), decided)
    )
    return session.scalar(query) or 0
