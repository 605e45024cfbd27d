"""The simulation, small: the real server code, with people on a clock of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.errors import SimulationError
from server.simulation import replicated
from server.simulation.kept import Job, keep, load, rules
from server.simulation.people import HOSTILE, HURT, KINDS
from server.simulation.play import UNIT_PAIRS, Tally, play
from server.simulation.report import (
    MIXED,
    Share,
    added,
    bars,
    broken_shares,
    figures,
    mixed_shares,
    replicated_figures,
    table,
)
from server.simulation.running import WORLDS, run, together
from server.trust import policy
from server.trust.policy import UNAUDITED_ON_PROBATION

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "static" / "models" / "demo-q8"
TRUST = ROOT / "docs" / "trust.md"
PUBLISHED = ROOT / "docs" / "simulated"


@pytest.mark.slow
def test_the_honest_are_confirmed_and_guesses_are_not() -> None:
    shares = {"honest": 0.8, "constant": 0.1, "lazy_50": 0.1}
    found = play(shares, units=120, seed=0, bundle=DEMO)
    honest = found["honest"]
    assert honest.posted == honest.confirmed > 0
    assert (honest.rejected, honest.pending, honest.caught) == (0, 0, 0)
    assert honest.made_up == honest.false_pairs_confirmed == 0
    for kind in ("constant", "lazy_50"):
        cheats = found[kind]
        assert cheats.posted == cheats.rejected == cheats.made_up > 0
        assert cheats.pairs_confirmed == 0
        # Each was out after what a newcomer may hold at a time.
        assert 0 < cheats.posted_when_caught <= UNAUDITED_ON_PROBATION * cheats.caught


@pytest.mark.slow
def test_nobody_stays_suspended_for_a_broken_kind_of_device() -> None:
    found = play(broken_shares(), units=150, seed=0, bundle=DEMO)
    broken, honest = found["broken_gpu_class"], found["honest"]
    assert broken.caught > 0, "before enough of them had failed"
    assert broken.confirmed == broken.suspended == honest.caught == 0


@pytest.mark.slow
def test_others_outvote_who_makes_up_alone_and_not_who_is_of_their_mind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five at work, of whom one makes up all pairs; then of whom three make up the same."""
    monkeypatch.setattr(replicated, "AT_ONCE", 5)
    found = replicated.play_replicated(
        {"honest": 0.8, "random": 0.2}, units=30, seed=0, bundle=DEMO
    )
    honest, alone = found["honest"], found["random"]
    assert honest.rejected == honest.pending == alone.confirmed == 0
    assert alone.rejected == alone.made_up > 0
    assert honest.units == 30
    assert honest.confirmed > 30, "some units were given to two"
    assert honest.recomputed == alone.caught == 0, "there is no auditor"
    together = replicated.play_replicated(
        {"honest": 0.4, "colluding": 0.6}, units=12, seed=0, bundle=DEMO
    )
    assert together["colluding"].false_pairs_confirmed > 0


def test_figures_of_audits_are_not_those_of_replication() -> None:
    colluding = Tally(posted=50, made_up=50, made_up_confirmed=10, confirmed=10, units=5)
    honest = Tally(posted=100, confirmed=90, rejected=2, units=45)
    worlds = {"replicated_colluding": {"honest": honest, "colluding": colluding}}
    found = replicated_figures(worlds)
    assert found["replicated_colluding_made_up_confirmed_share"] == 0.2
    assert found["replicated_colluding_honest_outvoted_share"] == 0.02
    assert found["replicated_colluding_paid_per_unit"] == 2
    assert figures(worlds)["honest_units_rejected_upper95"] == 1, "nothing was counted"


def test_every_hostile_kind_is_in_the_mixed_world() -> None:
    shares = mixed_shares()
    assert set(shares) == {"honest", *HOSTILE} == set(KINDS) - set(HURT)
    assert sum(shares.values()) == pytest.approx(1)


def test_figures_are_shares_of_what_they_say() -> None:
    honest = Tally(people=4, posted=100, confirmed=100, pairs_past_probation=80 * UNIT_PAIRS)
    honest.recomputed_past_probation = 160
    lazy = Tally(people=9, posted=50, made_up=50, made_up_confirmed=1)
    mixed = {
        "honest": Tally(pairs_confirmed=900),
        "random": Tally(pairs_confirmed=100, false_pairs_confirmed=5),
    }
    found = figures({"honest": {"honest": honest}, "lazy_10": {"lazy_10": lazy}, MIXED: mixed})
    assert found["false_among_confirmed"] == 0.005
    assert found["faked_confirmed_share_10"] == 0.02
    assert 0.02 < found["faked_confirmed_share_10_upper95"] < 0.11
    assert found["recomputed_share_after_probation"] == 160 / (80 * UNIT_PAIRS)
    assert (found["honest_suspended"], found["honest_units_rejected"]) == (0, 0)
    assert found["faked_confirmed_share_5_upper95"] == 1.0


def test_an_upper_bound_of_nothing_found_shrinks_with_what_was_looked_at() -> None:
    assert Share(count=0, total=100).upper95 == pytest.approx(0.037, abs=0.001)
    assert Share(count=0, total=10_000).upper95 == pytest.approx(0.00038, abs=1e-5)


def test_tallies_add_up() -> None:
    assert added([Tally(people=1, posted=2), Tally(people=3)]) == Tally(people=4, posted=2)


def test_a_table_tells_the_hurt_from_the_caught() -> None:
    honest = Tally(people=4, posted=100, confirmed=99, rejected=1, caught=1)
    lazy = Tally(people=2, posted=8, made_up=8, made_up_confirmed=2, caught=2, posted_when_caught=7)
    lines = table({"mixed": {"honest": honest, "lazy_5": lazy, "random": Tally()}})[2:]
    assert [line.split(" | ")[5:7] for line in lines] == [
        ["", ""],
        ["3.5", "25.00% (at most 59.08%)"],
    ]
    assert [line.split(" | ")[1] for line in lines] == ["honest", "hostile"]
    assert "1 people, 1 results" in lines[0]


def test_what_is_wanted_stands_beside_what_was_found() -> None:
    honest = Tally(people=4, posted=100, confirmed=99, rejected=1, pairs_past_probation=1000)
    worlds = {"honest": {"honest": honest}, "lazy_5": {"lazy_5": Tally(posted=90, made_up=90)}}
    verdicts = {line.split("`")[1]: line.split(" | ")[-1] for line in bars(worlds)[2:]}
    assert verdicts == {
        "faked_confirmed_share_5": "met |",
        "honest_suspended": "none found |",
        "honest_units_rejected": "missed |",
        "honest_units_never_confirmed": "none found |",
        "recomputed_share_after_probation": "met |",
    }


def test_a_bound_is_never_rounded_down() -> None:
    mixed = {"honest": Tally(posted=1, pairs_confirmed=10**9)}
    [line] = [line for line in bars({MIXED: mixed}) if "false_among_confirmed" in line]
    assert line.split(" | ")[-3:] == ["0.0000%", "0.0001%", "met |"]


def test_the_published_tables_are_what_the_kept_worlds_say() -> None:
    kept = {file.name for file in PUBLISHED.iterdir()}
    last = max(int(name.removesuffix(".json").rpartition("-")[2]) for name in kept)
    jobs = [Job(name=name, seed=seed, units=10_000) for name in WORLDS for seed in range(last + 1)]
    assert {job.file for job in jobs} == kept
    worlds = together(WORLDS, {job: load(PUBLISHED, job) or {} for job in jobs})
    said = TRUST.read_text().splitlines()
    assert not {*table(worlds), *bars(worlds)} - {*said}
    assert f"    dva simulate --seeds {f'0-{last}' if last else 0} --out docs/simulated" in said


def test_a_finished_world_is_found_again(tmp_path: Path) -> None:
    job = Job(name="constant", seed=3, units=20)
    shown: list[tuple[int, int]] = []

    def play_it(bundle: Path) -> Tally:
        found = run(
            [job],
            bundle=bundle,
            out=tmp_path,
            processes=1,
            progress=lambda done, total: shown.append((done, total)),
        )
        return found[job]["constant"]

    tally = play_it(DEMO)
    assert tally.posted == tally.rejected >= 20
    assert shown[-1] == (20, 20)
    assert play_it(tmp_path / "there is none") == tally
    assert load(tmp_path, Job(name="constant", seed=4, units=20)) is None


def test_worlds_of_other_rules_are_not_added_to_these(tmp_path: Path) -> None:
    """Not even beside each other, since who adds them up later doesn't see it."""
    there = Job(name="honest", seed=0, units=20)
    keep(tmp_path, there, {"honest": Tally(posted=20)})
    file = tmp_path / there.file
    assert len(file.read_bytes()) < 300
    assert load(tmp_path, there) == {"honest": Tally(posted=20)}
    assert rules().policy == policy.VERSION

    def run_another() -> None:
        jobs = [Job(name="constant", seed=0, units=20)]
        run(jobs, bundle=DEMO, out=tmp_path, processes=1, progress=lambda *_: None)

    was = file.read_text()
    file.write_text(was.replace(f'"policy": "{policy.VERSION}"', '"policy": "1"'))
    with pytest.raises(SimulationError, match="policy 1, ") as told:
        run_another()
    assert told.value.code == "worlds_differ"
    file.write_text('{"honest": {"posted": 20}}')
    with pytest.raises(SimulationError) as told:
        run_another()
    assert told.value.code == "world_damaged"
    assert [each.name for each in tmp_path.iterdir()] == [there.file]
