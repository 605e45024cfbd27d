"""Pools whose contributors check each other: who is given what, who is paid, who is outvoted."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from alembic import command
from dva_agent.credit import Credit, Work
from dva_agent.errors import BundleError
from dva_agent.protocol import (
    ROOT,
    Accepted,
    Lease,
    LeaseRequest,
    Leases,
    PairStatus,
    decode,
    pack_scores,
)
from flask import Flask
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.config import Settings
from server.db import Database, now
from server.errors import TrustError
from server.migrations import configuration, migrate
from server.pools.models import Shard, Unit
from server.results import services as results
from server.results.compacted import results_of
from server.results.models import Result
from server.trust import policy, queue
from server.trust.operator import shown
from server.trust.replication import counting, operator
from server.trust.replication.models import Contradicted, Record
from server.trust.settling import Court
from server.work import copies
from server.work.copies import OPENING
from server.work.models import Ballot, Voter
from server.work.models import Lease as LeaseRow
from tests.keys import Keys
from tests.server.api import Api, result_for

NETWORKS = count(1)
BEFORE = "0016"
"""The step before there were copies."""
BEFORE_ENDS = "0030"
"""The step before units without a majority had an end."""


class Person(Api):
    """Somebody on a network of their own, unless it is named."""

    def __init__(self, app: Flask, keys: Keys | None = None, address: str | None = None) -> None:
        self.address = address or f"198.51.{next(NETWORKS)}.7"
        super().__init__(app, keys)

    def ask(self, count: int = 1) -> Leases:
        message = LeaseRequest(agents=["dva"], count=count)
        options = {"environ_base": {"REMOTE_ADDR": self.address}}
        answer = self.ok(self.post("/leases", message, **options), Leases)
        self.know(answer.leases)
        return answer

    def one(self) -> Lease:
        (lease,) = self.ask().leases
        return lease

    def say(self, lease: Lease, wrong: float = 0.0) -> None:
        """Posts true scores, or others; those who are wrong by the same agree."""
        scores = [int(pair.uid[:4], 16) / 65536 - wrong for pair in lease.pairs]
        result = result_for(lease, scores=pack_scores(scores))
        self.ok(self.post_result(lease, result), Accepted)

    def credit(self) -> Credit:
        return self.ok(self.get(f"{ROOT}/me/credit", **self.signed_in()), Credit)

    def told(self) -> list[tuple[str, str, str | None]]:
        work = self.ok(self.get(f"{ROOT}/me/units", **self.signed_in()), Work)
        return [(unit.state, unit.reason, unit.awaits) for unit in work.units]

    def signed_in(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.device.token}"}


@pytest.fixture
def replicated(pool: str, database: Database) -> str:
    with database.write() as session:
        operator.change_policy(session, pool, "replication")
    return pool


def open_lots(database: Database) -> None:
    """As if what is wanted had been wanted for long."""
    with database.write() as session:
        session.execute(update(Ballot).values(opened_at=now() - OPENING))


def states(database: Database) -> list[tuple[int, str]]:
    """Copy and state of each result, in the order in which they came."""
    with database.read() as session:
        return [(row.copy, row.state) for row in session.scalars(select(Result).order_by("id"))]


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


def test_nobody_bears_themselves_out(app: Flask, replicated: str, database: Database) -> None:
    """Neither with a second device, nor with an account in the same network."""
    ann = Person(app)
    leases = ann.ask(5).leases
    for lease in leases:
        ann.say(lease)
    open_lots(database)
    for twin in (
        ann,
        Person(app, Keys(ann.keys.account)),
        Person(app, address=ann.address.removesuffix("7") + "99"),
    ):
        answer = twin.ask()
        assert (answer.leases, answer.idle and answer.idle.reason) == (
            [],
            "all_leased" if twin.keys.account is not ann.keys.account else "drained",
        )
    ben = Person(app)
    assert {lease.unit for lease in ben.ask(5).leases} == {lease.unit for lease in leases}
    with pytest.raises(IntegrityError), database.write() as session:
        mine = session.scalars(select(Voter)).first()
        assert mine
        session.add(Voter(unit_id=mine.unit_id, contributor_id="0" * 32, network=mine.network))


def test_a_copy_goes_to_whom_the_lots_name(app: Flask, replicated: str, database: Database) -> None:
    ann, ben = Person(app), Person(app)
    for lease in ann.ask(5).leases:
        ann.say(lease)
    answer = ben.ask(5)
    # However often they ask, for a lot is a share of some minutes.
    assert len(answer.leases) <= 1
    assert answer.leases or (answer.idle and answer.idle.reason == "all_leased")


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


def test_two_who_want_the_same_copy_at_once(
    app: Flask, replicated: str, database: Database
) -> None:
    ann = Person(app)
    for lease in ann.ask(5).leases:
        ann.say(lease)
    open_lots(database)
    people = [Person(app) for _ in range(4)]
    start = threading.Barrier(len(people))

    def claim(person: Person) -> list[str]:
        start.wait()
        return [lease.unit for lease in person.ask(5).leases]

    with ThreadPoolExecutor(len(people)) as threads:
        found = [unit for part in threads.map(claim, people) for unit in part]
    assert len(found) == len(set(found))
    with database.read() as session:
        held = session.scalars(select(LeaseRow).where(LeaseRow.state == "held")).all()
    assert len(held) == len(found) >= 1


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


def test_a_copy_that_came_to_nothing_is_wanted_again(
    app: Flask, replicated: str, database: Database
) -> None:
    ann, ben, cleo = Person(app), Person(app), Person(app)
    for lease in ann.ask(5).leases:
        ann.say(lease)
    open_lots(database)
    (given_up, late, *_) = ben.ask(5).leases
    assert cleo.ask().leases == []
    assert ben.post(f"/leases/{given_up.lease}/abandon").status_code == 204
    with database.write() as session:
        session.get_one(LeaseRow, late.lease).deadline = now() - timedelta(seconds=1)
    assert {lease.unit for lease in cleo.ask(5).leases} == {given_up.unit, late.unit}
    (status,) = ann.status().pools
    # Units that have a result are done, whoever is given them besides.
    assert (status.units_done, status.units_leased) == (status.units, 0)


def test_what_nobody_counted_is_counted_later(
    app: Flask, replicated: str, database: Database
) -> None:
    """As if the process had ended right after it stored the result."""
    ann, ben = Person(app), Person(app)
    lease = ann.one()
    counter, app.extensions["dva-counter"] = app.extensions["dva-counter"], lambda at: None
    ann.say(lease)
    app.extensions["dva-counter"] = counter
    with database.read() as session:
        assert session.scalars(select(Ballot.state)).one() == "due"
    ben.ask(4)
    assert ben.ask().leases == []
    with database.read() as session:
        assert session.scalars(select(Ballot.state)).one() == "wanted"


def test_a_shard_that_is_away_holds_up_no_other_copies(
    app: Flask, replicated: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copies, "LOOKED_AT", 1)
    ann, ben = Person(app), Person(app)
    while leases := ann.ask(5).leases:
        for lease in leases:
            ann.say(lease)
    open_lots(database)
    with database.read() as session:
        first = session.scalars(select(Shard).order_by(Shard.id)).first()
        assert first
    away = Path(first.path).rename(f"{first.path}.away")
    try:
        [lease] = ben.ask(1).leases
    finally:
        # Other tests have the same folder.
        away.rename(first.path)
    assert not lease.shard_url.endswith(f"/{first.name}.tar")


def test_results_that_cannot_be_counted_hold_up_no_others(
    app: Flask, replicated: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "AT_ONCE", 1)
    counted = counting.count
    failing: list[int] = []

    def fails(session: Session, court: Court, unit: int, at: datetime) -> bool:
        if not failing:
            failing.append(unit)
        if unit in failing:
            raise BundleError("Its bundle is gone.")
        return counted(session, court, unit, at)

    monkeypatch.setattr(counting, "count", fails)
    ann = Person(app)
    posted = 0
    while leases := ann.ask(5).leases:
        for lease in leases:
            ann.say(lease)
            posted += 1
    with database.read() as session:
        states = {row.unit_id: row.state for row in session.scalars(select(Ballot))}
    assert posted == len(states) > 2
    assert states[failing[0]] == "due"
    assert "wanted" in states.values()


def test_nobody_waits_for_an_auditor_of_other_pools(
    app: Flask, replicated: str, database: Database
) -> None:
    with database.write() as session:
        queue.report(session, "an auditor", now(), now(), pairs=0, busy_ms=0)
    assert len(Person(app).ask(5).leases) > policy.UNAUDITED_ON_PROBATION


def test_a_repeated_result_is_counted_once(app: Flask, replicated: str, database: Database) -> None:
    ann, ben = Person(app), Person(app)
    lease = ann.one()
    ann.say(lease)
    ann.say(lease)
    open_lots(database)
    again = ben.one()
    ben.say(again)
    ben.say(again)
    assert states(database) == [(0, "confirmed"), (1, "confirmed")]
    assert decode(ben.get(f"{ROOT}/me/credit", **ben.signed_in()).data, Credit).confirmed.pairs == (
        len(lease.pairs)
    )


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
