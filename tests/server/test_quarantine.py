"""A kind of device or a shard that is set aside, on both databases: what becomes of people, of
results and of work."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from dva_agent.protocol import LeaseRequest
from flask import Flask
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors.services import contributor_of
from server.contributors.standing import state_of
from server.credit import history
from server.credit import services as credit
from server.db import Database, now
from server.errors import TrustError
from server.me.work import units_of
from server.pools.services import Unit
from server.results.services import Result
from server.trust import aside, cohort, looking, operator, policy, quarantine, settling, unreadable
from server.trust.cohort import DeviceClass, Finding
from server.trust.models import Audit
from tests.keys import Keys
from tests.server.api import Api, problem, result_for
from tests.server.auditing import FAILED, PASSED, Trial
from tests.server.command import Dva

BROKEN, SOUND = "broken card", "sound card"
ME = "an operator"


@pytest.fixture
def trial(database: Database, settings: Settings) -> Trial:
    return Trial(database, settings)


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """These pools have five units."""
    monkeypatch.setattr(cohort, "LEAST_PARTIES", 2)
    monkeypatch.setattr(cohort, "CHI_SQUARE_LEVEL", 1.0)
    monkeypatch.setattr(cohort, "RESIDUAL_LEVEL", 1.0)
    monkeypatch.setattr(cohort, "WITNESS_AUDITS", 1)


def look(session: Session) -> list[Finding]:
    found = looking.findings(session)
    looking.act_on(session, found, now())
    return found


class Contributor(Api):
    def __init__(self, app: Flask, card: str) -> None:
        self.card = card
        super().__init__(app, Keys(device_class=card))

    def post_one(self) -> str | None:
        """The unit; None if there is nothing for it."""
        for lease in self.lease().leases:
            self.prove(lease.bundle, device_class=self.card)
            self.ok_posted(lease)
            return lease.unit
        return None

    def ok_posted(self, lease: object) -> None:
        answer = self.post_result(lease, result_for(lease, device_class=self.card))  # type: ignore[arg-type]
        assert answer.status_code == 200


def kind_of(trial: Trial, card: str) -> DeviceClass:
    with trial.database.read() as session:
        pool = session.query(Unit).first()
        assert pool
        return DeviceClass(pool.shard.pool.bundle, "native", card)


def states(trial: Trial, *people: Api) -> list[str]:
    with trial.database.read() as session:
        return [state_of(session, each.device.device) for each in people]


def take_out(trial: Trial) -> int:
    with trial.database.write() as session:
        taken = aside.take_out(session, trial.court, now())
        credit.project(session)
        return taken


def by_card(trial: Trial, wrong: str) -> None:
    trial.draw()
    trial.end_all(lambda result, _: FAILED if result.device_class == wrong else PASSED)


def test_where_nobody_has_passed_there_is_nothing_to_look_for(
    trial: Trial, app: Flask, pool: str, database: Database, few_are_enough: None
) -> None:
    """Nobody says that it is anything but people."""
    people = [Contributor(app, BROKEN), Contributor(app, BROKEN)]
    for sound in (0, 1, 2):
        for each in people:
            assert each.post_one()
        by_card(trial, BROKEN)
        with database.read() as session:
            assert looking.is_worth_it(session) == (sound == 2)
        people = [Contributor(app, SOUND)]


def test_a_kind_of_device_is_set_aside_and_its_people_are_not(
    trial: Trial, app: Flask, pool: str, database: Database, few_are_enough: None
) -> None:
    broken = [Contributor(app, BROKEN) for _ in range(2)]
    sound = [Contributor(app, SOUND) for _ in range(2)]
    late = Contributor(app, BROKEN)
    for each in (*broken, *sound):
        assert each.post_one()
    by_card(trial, BROKEN)
    assert late.post_one(), "posted before anybody has looked, and not drawn yet"
    assert states(trial, *broken, *sound) == ["suspended"] * 2 + ["active"] * 2

    with database.write() as session:
        [found] = look(session)
        assert looking.excused(session) == {
            contributor_of(session, each.device.device): {found.cell} for each in broken
        }
    assert found.cell == kind_of(trial, BROKEN)
    assert states(trial, *broken, *sound) == ["active"] * 4
    record = trial.record(broken[0].device.device)
    assert (record.failed, record.stopped_at) == (0, None)
    assert take_out(trial) == 1
    assert take_out(trial) == 0
    with database.read() as session:
        [entry] = history.latest(
            session, contributor=contributor_of(session, late.device.device), limit=9
        )
    assert (entry.kind, entry.reason) == ("forfeit", "class_quarantined")

    for each in (*broken, late):
        answer = each.lease()
        assert answer.idle
        assert (answer.leases, answer.idle.reason) == ([], "class_quarantined")
    assert sound[0].post_one()
    assert Contributor(app, "another card").post_one()

    name = "/".join(kind_of(trial, BROKEN))
    with database.write() as session:
        operator.restore(session, name, by=ME, reason="a new driver", at=now())
        assert not look(session), "what was known counts no more"
        assert looking.excused(session) == {}
    assert late.post_one()
    with database.read() as session:
        [was] = operator.set_aside(session, ended=True)
        assert not operator.set_aside(session)
    assert [(each.verb, each.by) for each in was.decisions] == [
        ("quarantined", "cohort"),
        ("restored", ME),
    ]


def test_a_contributor_sees_that_it_was_nobodys_fault(
    trial: Trial, app: Flask, pool: str, database: Database, settings: Settings
) -> None:
    person = Contributor(app, BROKEN)
    person.post_one()
    by_card(trial, BROKEN)
    with database.write() as session:
        operator.suspend(session, "/".join(kind_of(trial, BROKEN)), by=ME, reason="known", at=now())
    with database.read() as session:
        [unit] = units_of(session, settings, person.device.device, None, now()).units
        decided = operator.decided(session, contributor_of(session, person.device.device))
    assert (unit.state, unit.reason) == ("forfeited", "class_quarantined")
    assert [(each.verb, each.by) for each in decided] == [
        ("suspended", "audit"),
        ("restored", "cohort"),
    ]


def test_a_shard_is_set_aside_and_its_people_are_not(
    trial: Trial, api: Api, app: Flask, pool: str, database: Database
) -> None:
    """Its units wait, what was pending there counts for nothing, what lies elsewhere stands."""
    people = [api, Api(app)]
    units = [each.finish(lease).unit for each in people for lease in each.lease(2).leases]
    with database.read() as session:
        shard = session.get_one(Unit, 1).shard_id
    lying = [unit for unit in units if unit.startswith(f"u{shard}-")]
    assert 0 < len(lying) < len(units)
    trial.draw()
    [first, *_] = trial.audits("open")
    trial.end_all(lambda _, audit: FAILED if audit.id == first.id else PASSED)
    assert states(trial, *people) == ["suspended", "active"]

    with database.write() as session:
        operator.suspend(session, f"{pool}/{_shard(trial, shard)}", by=ME, reason="", at=now())
    take_out(trial)
    assert states(trial, *people) == ["active", "active"]
    found = trial.results()
    assert {found[unit] for unit in lying} == {"rejected"}
    assert found[units[-1]] == "pending"
    newcomer = Api(app)
    leases = newcomer.lease(8).leases
    assert leases
    assert not any(lease.unit.startswith(f"u{shard}-") for lease in leases)
    waits = Api(app).lease()
    assert waits.idle
    assert waits.idle.reason == "shard_unavailable"

    with database.write() as session:
        operator.restore(session, f"{pool}/{_shard(trial, shard)}", by=ME, reason="", at=now())
    assert Api(app).lease().leases
    with pytest.raises(TrustError), database.write() as session:
        operator.restore(session, f"{pool}/{_shard(trial, shard)}", by=ME, reason="", at=now())
    with pytest.raises(TrustError), database.write() as session:
        operator.suspend(session, f"{pool}/no-such-shard", by=ME, reason="", at=now())


def test_who_fails_in_a_quarantine_is_not_stopped(
    trial: Trial, app: Flask, pool: str, database: Database
) -> None:
    """The audit was drawn before."""
    person = Contributor(app, BROKEN)
    unit = person.post_one()
    assert unit
    trial.draw()
    with database.write() as session:
        quarantine.impose(session, kind_of(trial, BROKEN), by=ME, reason="", at=now())
    [judged] = trial.end_all(FAILED)
    assert (judged.state, judged.reason) == ("void", "class_quarantined")
    assert trial.results() == {unit: "rejected"}
    assert states(trial, person) == ["active"]
    assert trial.record(person.device.device).failed == 0


def test_who_failed_elsewhere_too_and_whom_an_operator_stopped_stay_stopped(
    trial: Trial, app: Flask, pool: str, database: Database
) -> None:
    liar, stopped = Contributor(app, BROKEN), Contributor(app, BROKEN)
    for each in (liar, stopped):
        each.post_one()
    liar.card = "and something else"
    liar.post_one()
    trial.draw()
    *_, other = trial.audits("open")
    by_card(trial, BROKEN)
    with database.write() as session:
        # As if it had been settled at the same time.
        session.get_one(Audit, other.id).state = "failed"
        session.get_one(Audit, other.id).finished_at = now()
        who = contributor_of(session, stopped.device.device)
        operator.suspend(session, who, by=ME, reason="", at=now())
        quarantine.impose(session, kind_of(trial, BROKEN), by=ME, reason="", at=now())
        assert aside.excuse(session, now()) == []
    assert states(trial, liar, stopped) == ["suspended", "suspended"]


def test_a_shard_that_cannot_be_read_is_waited_for_only_so_long(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    unit = api.finish(api.lease().leases[0]).unit
    trial.draw()
    [audit] = trial.audits("open")
    error = OSError("an input/output error")
    for wait, expected in ((timedelta(), "pending"), (unreadable.PATIENCE, "rejected")):
        with database.write() as session:
            found = session.get_one(Unit, session.get_one(Result, audit.result_id).unit_id)
            assert unreadable.is_why(error, found)
            unreadable.found(session, audit.id, found, error, audit.created_at + wait)
        take_out(trial)
        assert trial.results() == {unit: expected}
    [void] = trial.audits()
    assert void.state == "void"
    assert states(trial, api) == ["active"]


def test_another_device_of_who_failed_is_looked_at_once_more(
    trial: Trial, api: Api, app: Flask, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would have confirmed its work before doesn't any more."""
    # So that some pairs of these small units are left to look at.
    monkeypatch.setattr(policy, "PROBATION_PAIRS", 1)
    monkeypatch.setattr(policy, "TAIL_PAIRS", 1)
    second = Api(app, Keys(account=api.keys.account))
    assert second.device.contributor == api.device.contributor
    lying, unit = (each.finish(each.lease().leases[0]).unit for each in (api, second))
    trial.draw()
    trial.end_all(PASSED)
    later = now() + timedelta(hours=2)
    assert trial.draw_tails(later) == 2
    [lies] = [each for each in trial.audits("open") if each.device_id == api.device.device]
    with trial.database.write() as session:
        settling.settle(session, trial.court, lies.id, FAILED, None, now())
    trial.end_all(PASSED)
    assert trial.results() == {lying: "rejected", unit: "pending"}
    assert trial.draw_tails(later) == 1
    assert {audit.kind for audit in trial.audits("open")} == {"recheck", "tail"}
    trial.end_all(PASSED)
    assert trial.results() == {lying: "rejected", unit: "confirmed"}
    problem(
        second.post("/leases", LeaseRequest(agents=["dva"], count=1)), 403, "contributor_suspended"
    )


def test_what_a_tail_has_looked_at_twice_waits_no_longer(
    trial: Trial, api: Api, app: Flask, pool: str
) -> None:
    """A small result, all of which was looked at: there is nothing left for another look."""
    second = Api(app, Keys(account=api.keys.account))
    unit = second.finish(second.lease().leases[0]).unit
    trial.draw()
    trial.end_all(PASSED)
    later = now() + timedelta(hours=2)
    assert trial.draw_tails(later) == 1
    with trial.database.write() as session:
        operator.suspend(
            session, contributor_of(session, api.device.device), by=ME, reason="", at=now()
        )
    trial.end_all(PASSED)
    assert trial.results() == {unit: "pending"}
    assert trial.draw_tails(later) == 0
    assert trial.results() == {unit: "confirmed"}


def test_an_operators_commands(dva: Dva, settings: Settings, pool: str) -> None:
    name = f"{pool}/00001"
    assert dva(settings, "trust", "suspend", name, "--why", "half a download").status == 0
    done = dva(settings, "trust", "list")
    assert done.out.startswith(f"{name}  set aside")
    assert "half a download" in done.out
    [listed] = json.loads(dva(settings, "trust", "list", "--json").out)["quarantines"]
    assert (listed["name"], listed["kind"], listed["until"]) == (name, "shard", None)
    assert dva(settings, "trust", "restore", name, "--why", "whole again").status == 0
    shown = json.loads(dva(settings, "trust", "show", name).out)["decisions"]
    assert [each["reason"] for each in shown] == ["half a download", "whole again"]
    assert dva(settings, "trust", "restore", name).status == 1


def _shard(trial: Trial, number: int) -> str:
    with trial.database.read() as session:
        return quarantine.name_of(session, number).partition("/")[2]
