"""Results of a unit are counted when one has come: they are confirmed, outvoted, or another one is
asked for; or there have been so many that none of them counts.

That is a transaction of its own, after the one that stored the result: who posts holds the lock of
one device, and counting takes those of several. What a process is killed over stays due, and is
counted with the next result or the next claim that finds no work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache

from dva_agent.errors import BundleError, DvaError
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.credit import services as credit
from server.credit.earning import earned
from server.db import Database, add_counts
from server.pools import bundles
from server.pools import services as pools
from server.pools.services import Unit
from server.refusals import AgentUnknown
from server.results import copies as stored
from server.results.services import Result
from server.trust.replication import policy
from server.trust.replication.agreement import agree
from server.trust.replication.models import Contradicted, Record
from server.trust.replication.policy import Decision
from server.trust.settling import Court
from server.work import copies

log = logging.getLogger(__name__)
AT_ONCE = 20
AGREED, ALONE = "copies_agree", "believed"
OUTVOTED, NO_MAJORITY = "outvoted", "no_majority"


class Counter:
    """Counts what is due: a work.gate.Counter."""

    def __init__(self, database: Database, court: Court) -> None:
        self._database = database
        self._court = court

    def __call__(self, at: datetime) -> None:
        with self._database.read() as session:
            due = copies.due(session, AT_ONCE)
        decided = False
        for unit in due:
            try:
                with self._database.write() as session:
                    decided |= count(session, self._court, unit, at)
            except DvaError as error:
                # It stays due, and whoever has just posted isn't to blame.
                log.error("the results of unit %s can't be counted: %s", unit, error)
                with self._database.write() as session:
                    copies.put_off(session, unit, at)
        if decided:
            with self._database.write() as session:
                credit.project(session)


def count(session: Session, court: Court, unit_id: int, at: datetime) -> bool:
    """Whether that decided about the unit. False also if somebody else has, or is about to. Raises
    AgentUnknown, BundleError."""
    if not copies.lock_due(session, unit_id):
        return False
    unit = pools.get_unit(session, unit_id)
    results = stored.of_unit(session, unit_id)
    if len(results) == 1:
        record = session.get(Record, results[0].device_id)
        agreed = record.agreed if record else 0
        if policy.wants_copy(court.secret, results[0].digest, agreed):
            copies.want(session, unit_id, at)
            return False
        _decide(session, court, unit, results, Decision(right=(0,), wrong=()), ALONE, at)
        return True
    found = policy.decide(len(results), _compared(court, unit, results))
    if isinstance(found, Decision):
        _decide(session, court, unit, results, found, AGREED, at)
        return True
    if found.hopeless:
        _give_up(session, court, unit, results, at)
        return True
    copies.want(session, unit_id, at)
    return False


def _compared(court: Court, unit: Unit, results: Sequence[Result]) -> Callable[[int, int], bool]:
    """Which of the results agree, by their indices."""
    pool = unit.shard.pool
    agent = pools.agent_of(pool)
    manifest = bundles.registered(court.settings.bundles, pool.bundle)
    if agent is None:
        raise AgentUnknown(f"This server lacks the agent {pool.agent}.")
    if manifest is None:
        raise BundleError(f"The bundle {pool.bundle} isn't registered here.")

    @cache
    def in_order(one: int, other: int) -> bool:
        return agree(agent, manifest, results[one], results[other])

    return lambda one, other: in_order(min(one, other), max(one, other))


def _note(session: Session, device: str, *, is_right: bool) -> None:
    """A device's record begins anew when it is outvoted."""
    counts = {"agreed": int(is_right), "outvoted": int(not is_right)}
    add_counts(session, Record, key={"device_id": device}, counts=counts)
    if not is_right:
        session.execute(update(Record).where(Record.device_id == device).values(agreed=0))


def _decide(
    session: Session,
    court: Court,
    unit: Unit,
    results: Sequence[Result],
    decision: Decision,
    reason: str,
    at: datetime,
) -> None:
    right = [results[index] for index in decision.right]
    wrong = [results[index] for index in decision.wrong]
    # In one order, and before the shard: two who count, or one who posts, never wait in a circle.
    for result in sorted(results, key=lambda each: each.device_id):
        is_right = result in right
        if reason == AGREED:
            _note(session, result.device_id, is_right=is_right)
        if is_right:
            contributors.valid(session, court.settings, result.device_id, 1)
        else:
            contributors.invalid(session, court.settings, result.device_id, 1)
        session.flush()
    stored.decide(session, unit, right, wrong)
    for whose, result in _in_order(session, results):
        run = [earned(court.settings, result, unit)]
        if result in right:
            credit.confirm(session, whose, run, at, reason=reason)
        else:
            credit.forfeit(session, whose, run, at, reason=OUTVOTED)
    copies.close(session, unit.id)


def _give_up(
    session: Session, court: Court, unit: Unit, results: Sequence[Result], at: datetime
) -> None:
    """None of them counts, and nobody is to blame for it: who is right can't be told. The unit is
    given out anew, or left without scores."""
    add_counts(session, Contradicted, key={"unit_id": unit.id}, counts={"rounds": 1})
    query = select(Contradicted.rounds).where(Contradicted.unit_id == unit.id)
    rounds = session.scalars(query).one()
    log.warning("%s results of unit %s contradict each other", len(results), unit.name)
    if rounds < policy.MOST_ROUNDS:
        stored.reject_copies(session, results)
        copies.close(session, unit.id)
    else:
        stored.leave_without(session, unit, results)
        copies.set_aside(session, unit.id)
    for whose, result in _in_order(session, results):
        run = [earned(court.settings, result, unit)]
        credit.forfeit(session, whose, run, at, reason=NO_MAJORITY)


def _in_order(session: Session, results: Sequence[Result]) -> list[tuple[str, Result]]:
    """With whose they are. Credit locks its contributors: after the shard, and in one order."""
    owned = [(contributors.contributor_of(session, result.device_id), result) for result in results]
    return sorted(owned, key=lambda each: each[0])
