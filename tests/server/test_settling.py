"""What follows from audits, on both databases: confirmations, rejections, tails, revocations."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from dva_agent.protocol import MAX_LEASES, LeaseRequest, PairStatus
from flask import Flask
from sqlalchemy import func, select

from server.config import Settings
from server.contributors.services import contributor_of
from server.credit import services as credit
from server.credit.models import Transfer
from server.db import Database, now
from server.errors import TrustError
from server.results.services import Result
from server.trust import drawing, operator, policy, queue, settling
from server.trust.judging import DISPUTED, Verdict
from tests.server.api import Api, problem
from tests.server.auditing import AGAIN, FAILED, PASSED, Trial


@pytest.fixture
def trial(database: Database, settings: Settings) -> Trial:
    return Trial(database, settings)


def settled(database: Database, device: str) -> tuple[int, int, int]:
    """Pairs that were confirmed, forfeited and revoked."""
    with database.write() as session:
        credit.project(session)
    with database.read() as session:
        found = credit.settled_of(session, contributor_of(session, device))
    return found.confirmed.pairs, found.forfeited.pairs, found.revoked.pairs


def finish(api: Api, count: int) -> list[str]:
    return [api.finish(lease).unit for lease in api.lease(count).leases]


def void(trial: Trial) -> None:
    """What is open, as an auditor ends what it finds nothing to compare in."""
    audits = trial.audits("open")
    assert audits
    for audit in audits:
        with trial.database.write() as session:
            settling.settle(session, trial.court, audit.id, None, None, now())


def confirm(trial: Trial, api: Api, count: int) -> list[str]:
    """Units whose results have passed, and a tail over all of them."""
    units = finish(api, count)
    trial.draw()
    trial.end_all(PASSED)
    assert trial.draw_tails(now() + timedelta(hours=2)) == 1
    trial.end_all(PASSED)
    assert {trial.results()[unit] for unit in units} == {"confirmed"}
    return units


def test_a_new_device_is_looked_at_in_every_result(trial: Trial, api: Api, pool: str) -> None:
    finish(api, 3)
    assert trial.draw() == 3
    assert trial.draw() == 0
    assert [audit.kind for audit in trial.audits("open")] == ["coin"] * 3


def test_a_silent_device_is_settled_by_a_tail(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    units = finish(api, 2)
    trial.draw()
    assert trial.draw_tails(now() + timedelta(hours=2)) == 0, "its audits are still to come"
    trial.end_all(PASSED)
    assert set(trial.results().values()) == {"pending"}
    assert trial.draw_tails(now()) == 0, "it may still come back"
    assert trial.draw_tails(now() + timedelta(hours=2)) == 1
    assert trial.draw_tails(now() + timedelta(hours=2)) == 0, "it is under way"
    assert set(trial.results().values()) == {"pending"}
    trial.end_all(PASSED)
    assert trial.results() == dict.fromkeys(units, "confirmed")
    assert settled(database, api.device.device) == (8, 0, 0)
    assert not trial.record(api.device.device).unsettled


def test_nobody_waits_for_a_pool_that_is_done(trial: Trial, api: Api, pool: str) -> None:
    while finish(api, 8):
        pass
    trial.draw()
    trial.end_all(PASSED)
    assert trial.draw_tails(now()) == 1
    trial.end_all(PASSED)
    assert set(trial.results().values()) == {"confirmed"}


def test_a_failure_takes_everything_unconfirmed_along(
    trial: Trial, api: Api, app: Flask, pool: str, database: Database
) -> None:
    units = finish(api, 3)
    trial.draw()
    _, second, _ = trial.audits("open")
    [*_, passed, failed, void] = trial.end_all(
        lambda _, audit: FAILED if audit.id == second.id else PASSED
    )
    assert (passed.state, failed.state, failed.rejected, void.state) == (
        "passed",
        "failed",
        3,
        "void",
    )
    assert trial.results() == dict.fromkeys(units, "rejected")
    assert api.status().pools[0].units_done == 0
    assert settled(database, api.device.device) == (0, 10, 0)
    record = trial.record(api.device.device)
    assert (record.passed, record.failed, record.stopped_for) == (0, 1, "score_differs")
    problem(
        api.post("/leases", LeaseRequest(agents=["dva"], count=1)), 403, "contributor_suspended"
    )
    assert {lease.unit for lease in Api(app).lease(8).leases} >= set(units)


def test_a_failure_sends_what_was_confirmed_to_audit_again(
    trial: Trial, api: Api, pool: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What turns out wrong is revoked, and its credit taken back by an entry of its own."""
    # So that some pairs of these small units are left to look at.
    monkeypatch.setattr(policy, "PROBATION_PAIRS", 1)
    monkeypatch.setattr(policy, "TAIL_PAIRS", 2)
    right, wrong, other = confirm(trial, api, 3)
    [last] = finish(api, 1)
    trial.draw()
    trial.end_all(FAILED)
    assert trial.results() == {
        right: "confirmed",
        wrong: "confirmed",
        other: "confirmed",
        last: "rejected",
    }
    rechecks = trial.audits("open")
    assert {audit.kind for audit in rechecks} == {"recheck"}
    ended = trial.end_all(lambda result, _: FAILED if result.id == 2 else PASSED)
    assert [judged.revoked for judged in ended].count(1) == 1
    assert trial.results() == {
        right: "confirmed",
        wrong: "revoked",
        other: "confirmed",
        last: "rejected",
    }
    assert settled(database, api.device.device) == (6, 4, 4)
    assert trial.record(api.device.device).confirmed == 2


def test_too_close_to_call_is_looked_at_again_until_nothing_is_left(
    trial: Trial, api: Api, pool: str
) -> None:
    finish(api, 1)
    trial.draw()
    [judged] = trial.end_all(AGAIN)
    assert (judged.state, judged.reason) == ("passed", "score_borderline")


def test_where_decoders_disagree_nothing_bears_witness(
    trial: Trial, api: Api, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "CONFIRMING_PAIRS", 2)
    first, second = finish(api, 2)
    trial.draw()
    older = trial.audits("open")[0].id
    disputed = Verdict(kind="again", reason=DISPUTED, largest=0.0, mean=0.0)
    trial.end_all(lambda _, audit: PASSED if audit.id == older else disputed)
    assert trial.results() == {first: "confirmed", second: "pending"}
    assert trial.draw_tails(now() + timedelta(hours=2)) == 1
    trial.end_all(PASSED)
    assert trial.results() == {first: "confirmed", second: "confirmed"}


def test_what_was_withheld_is_not_drawn(trial: Trial, api: Api, pool: str) -> None:
    """It would count as looked at and right."""
    finish(api, 1)
    with trial.database.write() as session:
        result = session.scalars(select(Result)).one()
        statuses = bytes([PairStatus.WITHHELD, *result.statuses[1:]])
        result.statuses = statuses
    trial.draw()
    trial.end_all(PASSED)
    assert trial.draw_tails(now() + timedelta(hours=2)) == 1
    drawn = [place for audit in trial.audits() for place in drawing.unpack(audit.positions)]
    assert set(drawn) == set(range(1, len(statuses)))


def test_nothing_waits_for_pairs_that_were_all_withheld(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    """Nothing of it can be compared: its audits are void."""
    finish(api, 1)
    with database.write() as session:
        result = session.scalars(select(Result)).one()
        result.statuses = bytes([PairStatus.WITHHELD]) * len(result.statuses)
    assert trial.draw() == 1
    void(trial)
    later = now() + timedelta(hours=2)
    assert trial.draw_tails(later) == 1
    void(trial)
    assert set(trial.results().values()) == {"confirmed"}
    assert trial.draw_tails(later) == 0


def test_results_are_confirmed_in_lots(
    trial: Trial, api: Api, pool: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each takes a line of the ledger, which stays for ever."""
    monkeypatch.setattr(policy, "CONFIRMING_PAIRS", 1)
    finish(api, 3)
    trial.draw()
    at, confirmed = now(), []
    for audit, seconds in zip(trial.audits("open"), (0, 60, 121), strict=True):
        with trial.database.write() as session:
            later = at + timedelta(seconds=seconds)
            settling.settle(session, trial.court, audit.id, PASSED, (b"", b""), later)
        confirmed.append(list(trial.results().values()).count("confirmed"))
    assert confirmed == [1, 1, 3]
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(Transfer)) == 2


def test_an_audit_is_decided_once(trial: Trial, api: Api, pool: str) -> None:
    finish(api, 1)
    trial.draw()
    [audit] = trial.audits("open")
    trial.end_all(PASSED)
    with trial.database.write() as session:
        late = settling.settle(session, trial.court, audit.id, FAILED, None, now())
    assert late.state == "passed"
    assert set(trial.results().values()) == {"pending"}


def test_auditors_that_work_at_once_do_everything_once(
    trial: Trial, api: Api, app: Flask, pool: str, database: Database
) -> None:
    """They draw, claim and settle for the same devices, of which one fails."""
    devices = [api, Api(app)]
    for device in devices:
        finish(device, 2)
    start = threading.Barrier(3)

    def audit(name: str) -> int:
        start.wait()
        done = 0
        while True:
            trial.draw()
            with database.write() as session:
                claimed = queue.claim(session, name, now())
            if not claimed:
                return done
            verdict = FAILED if claimed[0].device_id == api.device.device else PASSED
            with database.write() as session:
                settling.settle(session, trial.court, claimed[0].id, verdict, None, now())
            done += 1

    with ThreadPoolExecutor(3) as threads:
        works = [threads.submit(audit, f"auditor {number}") for number in range(3)]
        total = sum(work.result() for work in works)
    ended = [audit.state for audit in trial.audits()]
    assert total + ended.count("void") >= len(ended) == 4
    assert "open" not in ended
    assert trial.record(api.device.device).failed == 1
    assert trial.record(devices[1].device.device).passed == 2
    assert sorted(trial.results().values()) == ["pending", "pending", "rejected", "rejected"]
    assert settled(database, api.device.device) == (0, 8, 0)


def test_a_newcomer_waits_for_its_first_audits(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    """While somebody audits; a server without an auditor goes on."""
    finish(api, 3)
    assert api.lease().leases
    with database.write() as session:
        queue.report(session, "one", now(), now(), pairs=0, busy_ms=0)
    waits = api.lease()
    assert waits.idle
    assert (waits.leases, waits.idle.reason) == ([], "audits_pending")
    trial.draw()
    assert api.lease().idle == waits.idle
    trial.end_all(PASSED)
    assert api.lease().leases


def test_a_newcomer_holds_no_more_than_it_may_leave_waiting(
    api: Api, pool: str, database: Database
) -> None:
    """It could post all of it before anybody has looked at the first."""
    with database.write() as session:
        queue.report(session, "one", now(), now(), pairs=0, busy_ms=0)
    first, *others = api.lease(MAX_LEASES).leases
    assert 1 + len(others) == policy.UNAUDITED_ON_PROBATION
    next_ones = api.finish(first, more=MAX_LEASES).next
    assert next_ones
    assert next_ones.idle
    assert (next_ones.leases, next_ones.idle.reason) == ([], "audits_pending")


def test_newcomers_wait_for_a_backlog_that_is_too_long(
    trial: Trial, api: Api, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BACKLOG_PAIRS", 2 * policy.PROBATION_PAIRS)
    finish(api, 2)
    assert api.lease().leases
    finish(api, 1)
    waits = api.lease()
    assert waits.idle
    assert waits.idle.reason == "audits_pending"
    trial.draw()
    assert api.lease().leases, "drawn, they are no more than their few pairs"


def test_an_operator_stops_and_restores(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    device = api.device.device
    with database.read() as session:
        contributor = contributor_of(session, device)
    request = LeaseRequest(agents=["dva"], count=1)
    for name, code in ((device, "device_quarantined"), (contributor, "contributor_suspended")):
        with database.write() as session:
            operator.suspend(session, name, by="me", reason="", at=now())
        problem(api.post("/leases", request), 403, code)
        with database.read() as session:
            [stopped] = operator.listed(session, only_stopped=True, limit=10)
            assert (stopped.device, stopped.stopped_for) == (device, "operator")
        with database.write() as session:
            operator.restore(session, name, by="me", reason="", at=now())
        assert api.lease().leases
    with pytest.raises(TrustError), database.write() as session:
        operator.restore(session, "nobody", by="me", reason="", at=now())


def test_what_an_appeal_is_judged_by_is_kept(
    trial: Trial, api: Api, pool: str, database: Database
) -> None:
    finish(api, 1)
    trial.draw()
    trial.end_all(FAILED)
    with database.read() as session:
        [(standing, [audit])] = operator.shown(session, api.device.device)
    assert (standing.state, standing.failed) == ("suspended", 1)
    assert (audit.state, audit.reason, audit.largest) == ("failed", "score_differs", 0.5)
    assert len(bytes.fromhex(audit.seed)) == 32
