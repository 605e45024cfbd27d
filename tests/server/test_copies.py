"""Whom a copy is given to, and when results are counted, in pools under replication."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from dva_agent.credit import Credit
from dva_agent.errors import BundleError
from dva_agent.protocol import (
    ROOT,
    decode,
)
from flask import Flask
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from server.db import Database, now
from server.pools.models import Shard
from server.trust import policy, queue
from server.trust.replication import counting
from server.trust.settling import Court
from server.work import copies
from server.work.models import Ballot, Voter
from server.work.models import Lease as LeaseRow
from tests.keys import Keys
from tests.server.replicating import Person, open_lots, states


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
