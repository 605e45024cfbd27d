"""What the workbench says of a cut with filters, beside what `dva select` cuts of the tables."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.db import now
from server.errors import SelectionError
from server.pools.services import METADATA
from server.selection import certificate, uids
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_tables
from server.selection.strata import Stratum, apportion
from server.workbench import counting, eligible, filters, look, others, overlap, parts
from server.workbench.asked import Asked
from server.workbench.others import Choice
from server.workbench.parts import Parts
from server.workbench.ranking import RECORD, Ranking, Records, Writer
from server.workbench.snapshot import COLUMNS, TABLES, Facts, Snapshot, uid_of
from server.workbench.view import View, view_of
from tests.server.test_select_filters import uid

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("uid", "state")),
        pa.field("score", pa.float32()),
        *METADATA,
    ]
)
PAIRS = 900
SHARDS = ("a", "b", "c")


def made_up() -> list[list[dict[str, Any]]]:
    """By shard. Scores tie, some uids are there twice, anything may be unknown."""
    chance = random.Random(7)

    def maybe(value: Any) -> Any:
        return None if chance.random() < 0.1 else value

    def pair(number: int) -> dict[str, Any]:
        return {
            "uid": uid(number if number % 9 else number // 2),
            "state": chance.choice(["confirmed", "pending"]),
            "score": chance.randrange(-40, 41) / 40,
            "original_width": maybe(chance.choice([0, 100, 200, 400])),
            "original_height": maybe(chance.choice([100, 150, 200, 600])),
            "url_host": maybe(chance.choice(["a.example", "b.example", "c.example"])),
            "caption_chars": maybe(chance.choice([0, 4, 5, 200, 201])),
            "language": maybe(chance.choice(["en", "de", "und-Latn"])),
            "nsfw": maybe(chance.choice([0.0, 0.25, 0.5, 1.0])),
            "faces": maybe(chance.choice([0, 1, 5])),
        }

    return [[pair(number) for number in range(PAIRS) if number % 3 == shard] for shard in range(3)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    folder = tmp_path_factory.mktemp("snapshot")
    (folder / TABLES).mkdir()
    writers = {state: Writer(folder, state) for state in ("confirmed", "pending")}
    for number, pairs in enumerate(made_up()):
        table = pa.Table.from_pylist(pairs, schema=SCHEMA).select(COLUMNS)
        pq.write_table(table, folder / TABLES / f"{SHARDS[number]}.parquet")
        for state, writer in writers.items():
            writer.add(records([pair for pair in pairs if pair["state"] == state], number))
    for writer in writers.values():
        writer.finish()
    return Snapshot(
        folder=folder,
        facts=Facts(pool="p", bundle="b", made_at=now(), pairs_done=PAIRS, shards=list(SHARDS)),
        by_state={
            "confirmed": Ranking.read(folder, "confirmed"),
            "pending": Ranking.read(folder, "pending"),
        },
    )


def records(pairs: list[dict[str, Any]], shard: int) -> Records:
    made = np.zeros(len(pairs), RECORD)
    made["score"] = [pair["score"] for pair in pairs]
    made["shard"], made["unit"] = shard, np.arange(len(pairs))
    made["high"], made["low"] = uids.halves(pa.array([pair["uid"] for pair in pairs], pa.string()))
    return made


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> list[Choice]:
    folder = tmp_path_factory.mktemp("lists")
    made = []
    for name, numbers in (
        ("most", range(800)),
        ("few", range(0, 900, 7)),
        ("third", range(0, 900, 3)),
        ("none", range(0)),
    ):
        halves = uids.halves(pa.array([uid(number) for number in numbers], pa.string()))
        np.save(folder / f"{name}.npy", np.unique(uids.joined(*halves)))
        made.append(Choice(value=f"list:{name}", label=name, path=folder / f"{name}.npy"))
    return made


def seen(found: Snapshot, asked: Asked, known: list[Choice]) -> View:
    """Counted, if need be."""
    counting.count(found, asked, known, lambda done, total: None)
    view = view_of(found, asked, known)
    assert view is not None
    return view


EVERY = {
    "min-side": "100",
    "max-aspect": "3",
    "caption-chars": "5..201",
    "language": "en, de",
    "max-nsfw": "0.5",
    "max-faces": "4",
}
ASKED = [
    Asked(standing="all", filters=EVERY, value="30"),
    Asked(
        filters={"allow": "list:most", "deny": "list:few", "distinct": "yes"},
        rule="threshold",
        value="0.25",
    ),
    Asked(standing="pending", filters={"per": "shard"}, rule="count", value="77"),
    Asked(standing="all", filters={"per": "host", "distinct": "yes", "max-faces": "1"}, value="50"),
]


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: "+".join(asked.filters))
def test_what_the_page_says_is_what_dva_select_cuts(
    asked: Asked, found: Snapshot, known: list[Choice], tmp_path: Path
) -> None:
    view = seen(found, asked, known)
    third = others.read(others.chosen("list:third", known))
    told = look.tell(view, asked, third)
    out = tmp_path / "out"
    done = select_tables(
        found.folder / TABLES,
        cut=asked.cut,
        out=out,
        terms=Terms(
            state=asked.standing,
            filters=filters.made(asked.left_out, known),
            per=filters.per(asked.left_out),
        ),
    )
    claim = certificate.decode(out)
    assert told.line is not None
    assert (view.scored, told.line.scored) == (done.scored, done.eligible)
    assert (told.line.members, told.line.threshold) == (done.members, done.threshold)
    assert told.line.at_threshold == claim.counts.at_threshold
    assert [(each.name, each.failed, each.unknown) for each in view.fallen] == [
        (each.name, each.failed, each.unknown) for each in claim.filters
    ]
    inside = members_of(view, told)
    assert sorted(pairs_of(inside)) == sorted(members(out))
    assert told.shared is not None
    assert told.shared.members == overlap.contains(third, inside).sum() > 0
    for which in look.BANDS:
        near, more = (pairs_of(look.records_of(view, told, which, page)) for page in (0, 1))
        assert len(near) == look.SIZE
        assert near != more
        assert pairs_of(view.placed(look.records_of(view, told, which, 0))) == near
        if which != "across":
            kept = set(pairs_of(inside))
            assert all((pair in kept) is (which == "above") for pair in near)
    if told.division is not None:
        assert told.division.counts().sum() == done.members
        rows = {each.name: each for each in look.strata(told.division)}
        assert [rows[each.name] for each in claim.strata] == [
            Stratum(**msgspec.structs.asdict(each)) for each in claim.strata
        ]
        drawn = look.picture(view, told, third)
        assert drawn is not None
        assert any(0 < bar.kept < bar.height for bar in drawn.bars)


def members_of(view: View, told: look.Told) -> Records:
    if told.division is not None:
        runs = zip(told.division.firsts, told.division.parts.starts[1:], strict=True)
        return np.concatenate([told.division.parts.records[first:last] for first, last in runs])
    assert told.line is not None
    inside = np.concatenate([ranking.records for ranking in view.rankings])
    return inside[inside["score"] >= np.float32(told.line.threshold)]


def pairs_of(found: Records) -> list[tuple[str, float]]:
    return [(uid_of(record), float(record["score"])) for record in found]


def members(out: Path) -> list[tuple[str, float]]:
    table = pq.read_table(out / "members.parquet")
    return list(zip(table["uid"].to_pylist(), table["score"].to_pylist(), strict=True))


def test_what_was_counted_is_kept_until_its_lists_change(
    found: Snapshot, known: list[Choice]
) -> None:
    asked = Asked(standing="all", filters={"deny": "list:own"})
    own = Choice(value="list:own", label="", path=known[0].path.with_name("own.npy"))
    np.save(own.path, np.load(known[0].path))
    assert counting.waits(found, asked, [own]) == "filters"
    steps: list[tuple[int, int]] = []
    counting.count(found, asked, [own], lambda done, total: steps.append((done, total)))
    assert steps[0] == (0, 6)
    assert steps[-1] == (6, 6)
    assert counting.waits(found, asked, [own]) is None
    again: list[tuple[int, int]] = []
    counting.count(found, asked, [own], lambda done, total: again.append((done, total)))
    assert not again
    np.save(own.path, np.load(known[1].path))
    os.utime(own.path, ns=(0, 0))
    assert counting.waits(found, asked, [own]) == "filters"
    own.path.unlink()
    with pytest.raises(SelectionError) as refused:
        counting.waits(found, asked, [own])
    assert refused.value.code == "list_unknown"
    kept = list((found.folder / eligible.FOLDER).iterdir())
    assert 0 < len(kept) <= eligible.KEPT
    assert not [path for path in kept if path.suffix == ".partial"]


def test_who_stops_a_count_leaves_nothing(found: Snapshot, known: list[Choice]) -> None:
    class Stopped(Exception):
        pass

    def stop(done: int, _total: int) -> None:
        if done == 2:
            raise Stopped

    asked = Asked(filters={"min-side": "3"})
    with pytest.raises(Stopped):
        counting.count(found, asked, known, stop)
    assert counting.waits(found, asked, known) == "filters"
    folder = found.folder / eligible.FOLDER
    assert not [path for path in folder.iterdir() if path.suffix == ".partial"]


def test_filters_that_leave_nothing_say_so(found: Snapshot, known: list[Choice]) -> None:
    asked = Asked(filters={"allow": "list:none", "per": "language"})
    view = seen(found, asked, known)
    told = look.tell(view, asked, None)
    assert told.fault == "The filters leave no pair."
    assert look.picture(view, told, None) is None


def test_a_threshold_is_not_of_strata() -> None:
    one = Parts(["en"], np.zeros(1, RECORD), np.array([0, 1]))
    with pytest.raises(SelectionError, match="the same in every stratum"):
        parts.divide(one, Cut(rule="threshold", value=0.1))


@given(
    st.lists(st.lists(st.integers(-4, 4), max_size=6), min_size=1, max_size=5),
    st.floats(0.01, 1),
)
@settings(max_examples=40, deadline=None)
def test_strata_are_divided_as_a_plain_sort_does(strata: list[list[int]], share: float) -> None:
    scores = [sorted(score / 8 for score in each) for each in strata]
    total = sum(map(len, scores))
    if not total:
        return
    made = np.zeros(total, RECORD)
    made["score"] = [score for each in scores for score in each]
    made["shard"] = np.repeat(np.arange(len(scores)), [len(each) for each in scores])
    starts = np.cumsum([0, *map(len, scores)])
    division = parts.divide(
        Parts([str(number) for number in range(len(scores))], made, starts),
        Cut(rule="top", value=share),
    )
    due = apportion(min(int(total * share), total - 1) + 1, [len(each) for each in scores])
    for number, (each, quota) in enumerate(zip(scores, due, strict=True)):
        inside = [score for score in each if quota and score >= each[-quota]]
        assert division.members[number] == len(inside)
        assert division.ties[number] == sum(score == each[-quota] for score in inside)
    everything = [
        place
        for page in range(total + 1)
        for place in parts.near(division, page, 1, "above").tolist()
    ]
    assert len(everything) == division.line.members
