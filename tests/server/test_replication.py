"""Pools whose contributors check each other: who is given what, who is paid, who is outvoted."""

from __future__ import annotations

import pytest
from alembic import command
from dva_agent.protocol import (
    Accepted,
    PairStatus,
    pack_scores,
)
from flask import Flask
from sqlalchemy import func, select

from server.config import Settings
from server.db import Database
from server.errors import TrustError
from server.migrations import configuration, migrate
from server.pools.models import Unit
from server.results import services as results
from server.results.compacted import results_of
from server.results.models import Result
from server.trust.operator import shown
from server.trust.replication import operator
from server.trust.replication.models import Contradicted, Record
from server.work.models import Ballot, Voter
from tests.server.api import result_for
from tests.server.replicating import Person, open_lots, states

BEFORE = "0016"
"""The step before there were copies."""
BEFORE_ENDS = "0030"
"""The step before units without a majority had an end."""


def test_two_who_agree_are_both_paid(app: Flask, replicated: str, database: Database) -> None:
    ann, ben = Person(app), Person(app)
    lease = ann.one()
    ann.say(lease)
    assert ann.told() == [("pending", "posted", "copies")]
    open_lots(database)
    again = ben.one()
    assert again.unit == lease.unit
    # As the first one's was, which tells nobody that it is a copy.
    assert again.pairs == lease.pairs
    ben.say(again)
    assert states(database) == [(0, "confirmed"), (1, "confirmed")]
    assert ann.told() == ben.told() == [("confirmed", "copies_agree", None)]
    assert ann.credit().confirmed == ben.credit().confirmed
    assert ann.credit().confirmed.pairs == len(lease.pairs)
    with database.read() as session:
        assert session.scalars(select(Voter)).all() == session.scalars(select(Ballot)).all() == []
        [(standing, audits)] = shown(session, ann.device.device)
    assert (standing.replication.agreed, standing.replication.outvoted, audits) == (1, 0, [])
    assert standing.replication.chance_of_copy == 1, "it is new"
    (status,) = ann.status().pools
    assert (status.policy, status.units_done, status.pairs_done) == (
        "replication",
        1,
        len(lease.pairs),
    )


def test_the_majority_wins_and_the_first_may_lose(
    app: Flask, replicated: str, database: Database, settings: Settings
) -> None:
    liar, ann, ben = Person(app), Person(app), Person(app)
    with database.write() as session:
        session.add(Record(device_id=ann.device.device, agreed=3, outvoted=0))
    lease = liar.one()
    liar.say(lease, wrong=0.4)
    for person in (ann, ben):
        open_lots(database)
        again = person.one()
        assert again.unit == lease.unit
        person.say(again)
    # What is written out is the first of those who are right.
    assert states(database) == [(0, "rejected"), (0, "confirmed"), (2, "confirmed")]
    with database.read() as session:
        rows = session.scalars(select(Record).where(Record.device_id == ann.device.device))
        assert [(row.agreed, row.outvoted) for row in rows] == [(4, 0)]
        lost = session.get_one(Record, liar.device.device)
        assert (lost.agreed, lost.outvoted) == (0, 1)
        result = session.scalars(select(Result).where(Result.device_id == ann.device.device)).one()
        shard = session.get_one(Unit, result.unit_id).shard
        assert [found.id for _, found in results_of(session, settings, shard)] == [result.id]
    assert liar.told() == [("forfeited", "outvoted", None)]
    assert liar.credit().forfeited.pairs == len(lease.pairs)
    assert liar.credit().confirmed.pairs == 0


def test_whoever_was_borne_out_often_is_believed(
    app: Flask, replicated: str, database: Database
) -> None:
    ann = Person(app)
    with database.write() as session:
        session.add(Record(device_id=ann.device.device, agreed=1_000_000, outvoted=0))
    leases = ann.ask(5).leases
    for lease in leases:
        ann.say(lease)
    found = states(database)
    # One in fifty is made again all the same.
    assert found.count((0, "confirmed")) >= 3
    assert ("confirmed", "believed", None) in ann.told()


def contradict(people: list[Person], database: Database) -> str:
    """All of them make something else of the same unit, which it gives; the first of them finds a
    pair of it broken."""
    for number, person in enumerate(people):
        open_lots(database)
        lease = person.one()
        scores = [int(pair.uid[:4], 16) / 65536 - number / 10 for pair in lease.pairs]
        statuses = bytearray(len(scores))
        if not number:
            scores[0], statuses[0] = 0, PairStatus.IMAGE_BROKEN
        result = result_for(lease, scores=pack_scores(scores), statuses=bytes(statuses))
        person.ok(person.post_result(lease, result), Accepted)
    return lease.unit


def left_open(database: Database, name: str) -> bool:
    """Whether the unit is given out; what is counted of its pool is right."""
    with database.read() as session:
        [unit] = [each for each in session.scalars(select(Unit)) if each.name == name]
        is_open = unit.state == "open"
        assert (unit.shard.units_done, unit.shard.pairs_done) == (
            (0, 0) if is_open else (1, unit.pairs)
        )
        assert results.broken_pairs(session, unit.shard.pool) == {}
        assert not session.scalars(select(Result).where(Result.state != "rejected")).all()
        return is_open


def test_results_that_all_differ_count_for_nothing_and_nobody_waits(
    app: Flask, replicated: str, database: Database
) -> None:
    people = [Person(app) for _ in range(5)]
    unit = contradict(people, database)
    assert left_open(database, unit)
    assert [person.told() for person in people] == [[("forfeited", "no_majority", None)]] * 5
    with database.read() as session:
        assert operator.aside(session) == []
        assert session.scalars(select(Record)).all() == [], "nobody can say who is to blame"

    assert contradict(people, database) == unit
    assert not left_open(database, unit)
    with database.read() as session:
        (found,) = operator.aside(session)
        assert (found.pool, found.unit, len(set(found.contributors))) == (replicated, unit, 5)
        assert {voter.network for voter in session.scalars(select(Voter))} == {None}
    assert unit not in {lease.unit for lease in Person(app).ask(5).leases}

    with database.write() as session:
        operator.reopen(session, replicated, unit)
    assert left_open(database, unit)
    with pytest.raises(TrustError, match="aside"), database.write() as session:
        operator.reopen(session, replicated, unit)
    contradict(people, database)
    assert left_open(database, unit), "as if nobody had had it"


def contradict_for_good(people: list[Person], database: Database) -> str:
    """The second time, as far as the server knows: the unit is left without scores."""
    with database.write() as session:
        first = session.scalars(select(func.min(Unit.id))).one()
        session.add(Contradicted(unit_id=first, rounds=1))
    return contradict(people, database)


def test_auditors_are_given_what_has_no_scores(
    app: Flask, replicated: str, database: Database
) -> None:
    people = [Person(app) for _ in range(5)]
    unit = contradict_for_good(people, database)
    with database.write() as session:
        operator.change_policy(session, replicated, "audit")
    assert left_open(database, unit)
    assert people[0].one().unit == unit


def test_an_older_server_gives_out_what_has_no_scores(
    app: Flask, replicated: str, database: Database
) -> None:
    people = [Person(app) for _ in range(5)]
    unit = contradict_for_good(people, database)
    with database.reshape() as connection:
        command.downgrade(configuration(connection), BEFORE_ENDS)
    migrate(database)
    assert left_open(database, unit)
    assert people[0].one().unit == unit


def test_a_policy_changes_only_while_nothing_is_pending(
    app: Flask, pool: str, database: Database
) -> None:
    ann = Person(app)
    lease = ann.one()
    for _ in range(2):
        with pytest.raises(TrustError) as told, database.write() as session:
            operator.change_policy(session, pool, "replication")
        assert told.value.code == "policy_in_use"
        ann.say(lease)


def test_an_older_server_finds_one_result_a_unit(
    app: Flask, replicated: str, database: Database
) -> None:
    ann, ben = Person(app), Person(app)
    ann.say(ann.one())
    open_lots(database)
    ben.say(ben.one())
    with database.reshape() as connection:
        command.downgrade(configuration(connection), BEFORE)
    migrate(database)
    assert states(database) == [(0, "confirmed"), (0, "revoked")]
