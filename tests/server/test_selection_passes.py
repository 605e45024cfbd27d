"""A cut in one pass, where a sample says from which score on; in two elsewhere; by portions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.errors import SelectionError
from server.selection import guessing, tables, uids
from server.selection.asking import Engine, asking
from server.selection.certifying import hashing
from server.selection.cut import Cut
from server.selection.engine import Question
from server.selection.finding import Chosen, find
from server.selection.sorting import Members, even, joined
from server.selection.tables import ScoreTables

TENTH = Cut(rule="top", value=0.1)
Scores = npt.NDArray[np.float32]


class Asked:
    """An engine, and what it was asked."""

    here = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.questions: list[Question] = []

    def ask(self, question: Question) -> Iterator[pa.RecordBatch]:
        self.questions.append(question)
        yield from self._engine.ask(question)

    @property
    def kinds(self) -> list[str]:
        return [question["ask"] for question in self.questions]


@pytest.fixture(scope="module")
def process() -> Iterator[Engine]:
    with asking() as engine:
        yield engine


@pytest.fixture
def engine(process: Engine) -> Asked:
    return Asked(process)


def bell(count: int) -> Scores:
    return np.random.default_rng(5).normal(0.2, 0.06, count).astype(np.float32)


def written(folder: Path, *parts: Scores, rows: int = 1000, nulls: int = 0) -> ScoreTables:
    """A file of each part, `rows` to a row group, the last `nulls` of it null."""
    folder.mkdir()
    for number, scores in enumerate(parts):
        names = [
            f"{number:08x}{row * 0x9E3779B1 % 2**32:08x}{row:016x}" for row in range(len(scores))
        ]
        mask = np.arange(len(scores)) >= len(scores) - nulls
        table = pa.table({"uid": names, "score": pa.array(scores, mask=mask)})
        pq.write_table(table, folder / f"{number}.parquet", row_group_size=rows)
    return ScoreTables(files=tuple(sorted(folder.iterdir())))


def require_datacomps(chosen: Chosen, made: ScoreTables, share: float) -> None:
    """That members, threshold and counts are what sorting all scores finds."""
    table = pq.read_table([str(file) for file in made.files]).drop_null()
    scores = table["score"].to_numpy()
    threshold = -np.sort(-scores)[int(len(scores) * share)]
    high, low = uids.halves(table["uid"].combine_chunks().filter(pa.array(scores >= threshold)))
    members = np.concatenate([uids.joined(block.high, block.low) for block in chosen])
    assert np.array_equal(members, np.sort(uids.joined(high, low)))
    found = chosen.found
    assert (found.threshold, found.scored, found.members) == (threshold, len(scores), len(members))
    assert found.at_threshold == np.count_nonzero(scores == threshold)


def test_one_pass_counts_what_has_no_score(engine: Asked, tmp_path: Path) -> None:
    made = written(tmp_path / "scores", bell(3000), bell(2000), nulls=9)
    chosen = find(engine, made, TENTH, tmp_path)
    assert engine.kinds == ["odd rows"]
    assert len(chosen.sorter) < 0.2 * 5000, "or it would have taken nearly all"
    require_datacomps(chosen, made, 0.1)


def test_blocks_are_even_however_they_came() -> None:
    every = np.arange(20, dtype=np.uint64)
    whole = Members(every, every, every.astype(np.float64))
    blocks = [whole[:3], whole[3:3], whole[3:12], whole[12:]]
    sizes = [[len(block) for block in even(blocks, size)] for size in (4, 5, 7, 20, 30)]
    assert sizes == [[4] * 5, [5] * 4, [7, 7, 6], [20], [20]]
    assert joined(list(even(blocks, 7))).low.tolist() == every.tolist()
    assert list(even([], 7)) == []


@pytest.mark.parametrize("odd", [np.nan, -np.nan, np.inf, -1.5], ids=str)
def test_one_pass_sees_all_that_is_no_score(engine: Asked, tmp_path: Path, odd: float) -> None:
    """Also in a row group whose statistics say that nothing there is in question."""
    low = np.full(1000, -0.5, np.float32)
    low[500] = odd
    made = written(tmp_path / "scores", bell(3000), low)
    with pytest.raises(SelectionError, match="1 values of score are no scores"):
        find(engine, made, TENTH, tmp_path)
    assert engine.kinds == ["odd rows"]


def test_a_wrong_guess_costs_a_pass(engine: Asked, tmp_path: Path) -> None:
    """The sample sees what comes first in each row group: here it is the best of it."""
    falling = -np.sort(-bell(10 * guessing.SCORES))
    made = written(tmp_path / "scores", falling, rows=len(falling))
    chosen = find(engine, made, TENTH, tmp_path)
    assert engine.kinds == ["odd rows", "bins", "rows"]
    require_datacomps(chosen, made, 0.1)


@pytest.mark.parametrize("cut", [Cut(rule="top", value=0.99), Cut(rule="count", value=900)])
def test_two_passes_where_one_would_take_most(engine: Asked, tmp_path: Path, cut: Cut) -> None:
    made = written(tmp_path / "scores", bell(900))
    find(engine, made, cut, tmp_path)
    assert engine.kinds == ["bins", "rows"]


def test_two_passes_where_many_have_no_score(engine: Asked, tmp_path: Path) -> None:
    made = written(tmp_path / "scores", bell(900), nulls=50)
    require_datacomps(find(engine, made, TENTH, tmp_path), made, 0.1)
    assert engine.kinds == ["bins", "rows"]


def test_two_passes_where_nothing_says_how_many(engine: Asked, tmp_path: Path) -> None:
    made = written(tmp_path / "scores", bell(900))
    table = pq.read_table(made.files[0])
    pq.write_table(table, made.files[0], write_statistics=False)
    require_datacomps(find(engine, made, TENTH, tmp_path), made, 0.1)
    assert engine.kinds == ["bins", "rows"]


def test_portions_are_files_or_parts_of_one(
    engine: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "PORTION", 1200)
    made = written(
        tmp_path / "scores", *(bell(size) for size in (500, 600, 300, 3000, 100)), rows=500
    )
    chosen = find(engine, made, TENTH, tmp_path)
    asked = [
        ([Path(file).stem for file in question["files"]], question["row_groups"])
        for question in engine.questions
    ]
    assert asked == [
        (["0", "1"], None),
        (["2"], None),
        (["3"], [[0, 1]]),
        (["3"], [[2, 3]]),
        (["3"], [[4, 5]]),
        (["4"], None),
    ]
    require_datacomps(chosen, made, 0.1)


def test_a_cut_that_fails_waits_for_no_table(tmp_path: Path) -> None:
    """Of tables without end some are hashed, and then no more."""
    table = tmp_path / "table.parquet"
    table.write_bytes(bytes(1 << 20))
    with pytest.raises(SelectionError), hashing(repeat(table)) as hashed:
        raise SelectionError("The disk is full.")
    assert {part.bytes for part in hashed.result()} <= {1 << 20}
