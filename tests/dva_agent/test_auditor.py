"""The auditor with its real arithmetic, over what real agents and a liar posted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from dva_agent.errors import BundleError
from dva_agent.protocol import LeaseRequest, pack_scores, unpack_scores
from sqlalchemy import select, update

from server.compaction.services import compact_all
from server.contributors.services import contributor_of
from server.credit import earning
from server.credit import services as credit
from server.db import now
from server.pools.services import Unit
from server.results.services import Result
from server.trust.auditor import Auditor, Done
from server.trust.boundary import Boundary, interval, measure
from server.trust.models import Audit
from server.trust.queue import CLAIM
from server.trust.recompute import Recomputer
from server.trust.settling import Court
from tests.dva_agent.runs import run
from tests.dva_agent.world import PAIRS, UNITS, World
from tests.server.api import Api, problem

SECRET = b"an auditor's secret"


@pytest.fixture
def auditor(here: World) -> Iterator[Auditor]:
    made = auditor_of(here)
    yield made
    made.close()


def auditor_of(here: World, **options: object) -> Auditor:
    court = Court(settings=here.settings, secret=SECRET)
    return Auditor(here.database, court, threads=1, **options)  # type: ignore[arg-type]


def work(auditor: Auditor) -> list[Done]:
    """Until nothing is left to do."""
    done: list[Done] = []
    while step := auditor.step():
        if isinstance(step, list):
            done += step
    return done


def states(here: World) -> dict[str, list[str]]:
    """Of each unit's results, oldest first."""
    found: dict[str, list[str]] = {}
    with here.database.read() as session:
        for unit, state in session.execute(
            select(Unit, Result.state).join(Result, Result.unit_id == Unit.id).order_by(Result.id)
        ):
            found.setdefault(unit.name, []).append(state)
    return found


def test_a_liar_is_caught_and_the_honest_are_confirmed(here: World, auditor: Auditor) -> None:
    liar = Api(here.app)
    lied = [liar.finish(lease).unit for lease in liar.lease(2).leases]
    [first, *_] = work(auditor)
    assert first.judged.state == "failed"
    assert states(here) == {unit: ["rejected"] for unit in lied}
    refused = liar.post("/leases", LeaseRequest(agents=["dva"], count=1))
    problem(refused, 403, "contributor_suspended")

    run(here)
    done = work(auditor)
    assert {each.judged.state for each in done} == {"passed"}
    assert max(each.largest or 0.0 for each in done) < 1e-6
    found = states(here)
    assert len(found) == UNITS
    assert {history[-1] for history in found.values()} == {"confirmed"}
    assert all(found[unit] == ["rejected", "confirmed"] for unit in lied)
    honest, cheat = (
        settled(here, device) for device in (here.devices[-1].device, liar.device.device)
    )
    assert (honest.confirmed.pairs, honest.forfeited.pairs) == (PAIRS, 0)
    assert honest.confirmed.credits == PAIRS * round(here.manifest.gflops_per_pair * 1000)
    assert (cheat.confirmed.pairs, cheat.forfeited.pairs) == (0, 12)


def test_one_wrong_score_among_right_ones_is_enough(here: World, auditor: Auditor) -> None:
    """On probation, every pair of these small units is looked at."""
    run(here)
    with here.database.write() as session:
        result = session.scalars(select(Result).order_by(Result.id)).first()
        assert result is not None
        scores = unpack_scores(result.scores)
        place = result.statuses.index(0)
        scores[place] += 0.02
        result.scores = pack_scores(scores)
    assert "score_differs" in {each.judged.reason for each in work(auditor)}
    assert {history[-1] for history in states(here).values()} == {"rejected"}


def test_what_a_killed_auditor_had_claimed_is_done_by_another(here: World) -> None:
    run(here)
    killed = auditor_of(here)
    killed._draw()
    [case, *_] = killed._claim()
    late = auditor_of(here, clock=lambda: now() + CLAIM + timedelta(seconds=1))
    work(late)
    late.close()
    with here.database.read() as session:
        audit = session.get_one(Audit, case.audit.id)
        assert (audit.state, audit.claimed_by) == ("passed", late.name)
    assert {history[-1] for history in states(here).values()} == {"confirmed"}
    killed.close()


def test_a_damaged_index_ends_no_auditor(
    here: World, auditor: Auditor, caplog: pytest.LogCaptureFixture
) -> None:
    run(here)
    for index in (here.settings.pools / "test" / "index").glob("*.parquet"):
        index.write_bytes(b"no parquet")
    assert work(auditor) == []
    assert "is damaged" in caplog.text


def test_what_cannot_be_settled_ends_no_auditor(
    here: World, auditor: Auditor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(here)

    def gone(*_: object) -> float:
        raise BundleError("The bundle isn't registered here.")

    with monkeypatch.context() as away:
        away.setattr(earning, "gflops_per_pair", gone)
        assert {each.judged.state for each in work(auditor)} <= {"passed"}
        later = auditor_of(here, clock=lambda: now() + timedelta(hours=2))
        work(later)
        assert later.step() is False, "tried again at once"
        later.close()
    assert "can't be settled: The bundle isn't registered here." in caplog.text
    assert {history[-1] for history in states(here).values()} == {"pending"}
    late = auditor_of(here, clock=lambda: now() + timedelta(hours=4))
    work(late)
    late.close()
    assert {history[-1] for history in states(here).values()} == {"confirmed"}


def test_an_agent_without_a_model_is_audited_by_its_own_judge(counting: World) -> None:
    auditor = auditor_of(counting)
    run(counting)
    assert {each.judged.state for each in work(auditor)} == {"passed"}
    auditor.close()
    assert {history[-1] for history in states(counting).values()} == {"confirmed"}


def test_the_boundary_of_a_cut_is_measured(here: World) -> None:
    """What a native engine scored stays where it is; what was moved past the cut is found."""
    run(here)
    recomputer = Recomputer(here.settings, threads=1)

    def look(sample: int = 100) -> Boundary:
        return measure(
            here.database,
            recomputer,
            pool="test",
            top=0.5,
            sample=sample,
            progress=lambda done, total: None,
        )

    found = look()
    assert (found.pairs, found.cut, found.changed, found.membership_error) == (26, 13, 0, 0.0)
    assert found.threshold == pytest.approx(found.threshold_fp32, abs=1e-6)
    assert found.pairs_in_band >= 1
    with here.database.write() as session:
        for result in session.scalars(select(Result)):
            scores = unpack_scores(result.scores)
            for place, score in enumerate(scores):
                if score == pytest.approx(found.threshold, abs=1e-7):
                    scores[place] = score - found.band / 2
            result.scores = pack_scores(scores)
    moved = look()
    assert moved.largest_difference == pytest.approx(found.band / 2, rel=0.01)
    with here.database.write() as session:
        session.execute(update(Result).values(state="confirmed", drawn=True))
    late = now() + timedelta(days=40)
    looked = compact_all(here.database, here.settings, age=timedelta(days=7), at=late)
    assert None in {each.waits for each in looked}
    assert look() == moved, "it doesn't matter that a shard is compacted"
    recomputer.close()


@pytest.mark.parametrize(("changed", "of", "all_of"), [(0, 10, 100), (3, 10, 100), (10, 10, 11)])
def test_an_interval_holds_what_was_seen(changed: int, of: int, all_of: int) -> None:
    low, high = interval(changed, of, all_of)
    assert 0.0 <= low <= changed / of <= high <= 1.0
    assert low < high or changed in (0, of)
    assert interval(changed, of, of) == (changed / of, changed / of)


def settled(here: World, device: str) -> credit.Settled:
    with here.database.read() as session:
        return credit.settled_of(session, contributor_of(session, device))
