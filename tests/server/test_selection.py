"""A cut by Daft beside DataComp's own rule in NumPy, and a certificate that holds or doesn't."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.config import Settings
from server.credit import merkle
from server.errors import SelectionError
from server.selection import certificate, uids
from server.selection.asking import Engine, asking
from server.selection.certificate import Certificate
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_tables, tables_of
from server.selection.finding import find
from server.selection.sorting import Members, Sorter, joined
from server.selection.tables import ScoreTables
from server.selection.verify import verify
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.pool_factory import uid

Scores = list[float | None]
ALL = Terms(state="all")


def tables(folder: Path, *parts: Scores, kind: pa.DataType | None = None) -> Path:
    """One file a part; uids count through all."""
    folder.mkdir(exist_ok=True)
    first = 0
    for number, scores in enumerate(parts):
        # Odd multipliers shuffle: their order is not that of the files.
        uids = [f"{(first + i) * 0x9E3779B97F4A7C15 % 2**128:032x}" for i in range(len(scores))]
        table = pa.table(
            {"uid": pa.array(uids, pa.string()), "score": pa.array(scores, kind or pa.float32())}
        )
        pq.write_table(table, folder / f"{number}.parquet")
        first += len(scores)
    return folder


def datacomp(folder: Path, fraction: float) -> tuple[float, npt.NDArray[np.void]]:
    """Its threshold, and its sorted members: baselines/apply_filter.py, in NumPy alone."""
    read = [pq.read_table(file) for file in sorted(folder.glob("*.parquet"))]
    table = pa.concat_tables(read).filter(pa.compute.is_valid(pa.concat_tables(read)["score"]))
    scores = table["score"].to_numpy()
    threshold = np.sort(scores)[::-1][min(int(len(scores) * fraction), len(scores) - 1)]
    kept = [
        uid
        for uid, score in zip(table["uid"].to_pylist(), scores, strict=True)
        if score >= threshold
    ]
    pairs = [(int(uid[:16], 16), int(uid[16:], 16)) for uid in kept]
    return float(threshold), np.sort(np.array(pairs, np.dtype("u8,u8")))


TIED = st.sampled_from([-1.0, -0.25, -0.0, 0.0, 1e-40, 0.25, 0.25000003, 0.2500001, 1.0, None])
ANY = st.floats(-1, 1, width=32)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with asking() as engine:
        yield engine


@settings(deadline=None, max_examples=25)
@given(
    parts=st.lists(st.lists(TIED | ANY, max_size=30), min_size=1, max_size=3).filter(
        lambda parts: any(score is not None for part in parts for score in part)
    ),
    fraction=st.floats(0.001, 1),
    double=st.booleans(),
)
def test_members_are_datacomps(
    tmp_path_factory: pytest.TempPathFactory,
    engine: Engine,
    parts: list[Scores],
    fraction: float,
    double: bool,
) -> None:
    folder = tmp_path_factory.mktemp("cut") / "scores"
    tables(folder, *parts, kind=pa.float64() if double else pa.float32())
    scores = tables_of(folder, ALL)
    chosen = find(engine, scores, Cut(rule="top", value=fraction), folder)
    threshold, members = datacomp(folder, fraction)
    assert chosen.found.threshold == threshold
    blocks = list(chosen)
    assert np.array_equal(np.concatenate([uids.joined(b.high, b.low) for b in blocks]), members)
    ties = sum(int((block.score == threshold).sum()) for block in blocks)
    assert (chosen.found.at_threshold, chosen.found.members) == (ties, len(members))


def test_the_files_are_what_datacomp_reads(tmp_path: Path) -> None:
    scores = tables(tmp_path / "scores", [0.1, 0.2, 0.2, None], [0.3, -0.5])
    cut = Cut(rule="top", value=0.4)
    done = select_tables(scores, cut=cut, out=tmp_path / "best", terms=ALL)
    threshold, members = datacomp(scores, 0.4)
    found = np.load(tmp_path / "best" / "members.npy", mmap_mode="r")
    assert found.dtype == np.dtype("u8,u8"), "what DataComp's resharder asserts"
    assert (done.threshold, done.members) == (threshold, len(members))
    assert np.array_equal(found, members)
    assert verify(tmp_path / "best", scores=scores, digest=done.digest).cut_again


def test_a_count_and_a_threshold_take_their_ties(engine: Engine, tmp_path: Path) -> None:
    found = ScoreTables(files=(tables(tmp_path / "t", [0.1, 0.3, 0.3, 0.5]) / "0.parquet",))
    assert find(engine, found, Cut(rule="count", value=2), tmp_path).found.at_threshold == 2
    by_score = find(engine, found, Cut(rule="threshold", value=0.3), tmp_path).found
    # As NumPy compares a float32 with 0.3: at the tables' own precision.
    assert by_score.threshold == np.float32(0.3)
    assert by_score.at_threshold == 2
    with pytest.raises(SelectionError, match="Only 4 pairs"):
        find(engine, found, Cut(rule="count", value=5), tmp_path)


@pytest.mark.parametrize(
    ("scores", "code"),
    [
        ([0.1, float("nan")], "scores_invalid"),
        ([1.5], "scores_invalid"),
        ([None], "nothing_scored"),
    ],
)
def test_scores_that_cannot_be_cut(tmp_path: Path, scores: Scores, code: str) -> None:
    folder = tables(tmp_path / "scores", scores)
    with pytest.raises(SelectionError) as caught:
        select_tables(folder, cut=Cut(rule="top", value=0.5), out=tmp_path / "out", terms=ALL)
    assert caught.value.code == code
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scores"], "nothing half made"


def test_a_uid_that_the_layout_cannot_hold(tmp_path: Path) -> None:
    for bad in ("0123", " " * 32):
        folder = tables(tmp_path / "scores", [0.1])
        table = pa.table({"uid": ["0" * 32, bad], "score": pa.array([0.2, 0.3], pa.float32())})
        pq.write_table(table, folder / "1.parquet")
        with pytest.raises(SelectionError) as caught:
            select_tables(folder, cut=Cut(rule="top", value=1), out=tmp_path / "out", terms=ALL)
        assert caught.value.code == "uid_invalid"
        assert repr(bad) in str(caught.value)


words = st.integers(0, 3) | st.integers(0, 2**64 - 1)


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(words, words, st.floats(-1, 1)), max_size=60), run=st.integers(1, 9)
)
def test_runs_merge_into_one_order(
    tmp_path_factory: pytest.TempPathFactory, pairs: list[tuple[int, int, float]], run: int
) -> None:
    sorter = Sorter(tmp_path_factory.mktemp("runs"), run=run)
    for high, low, score in pairs:
        halves = np.array([[high], [low]], np.uint64)
        sorter.add(Members(halves[0], halves[1], np.array([score])))
    blocks = list(sorter)
    assert len(sorter) == len(pairs)
    merged = joined(blocks) if blocks else Members(*(np.empty(0, np.uint64),) * 2, np.empty(0))
    found = list(zip(merged.high.tolist(), merged.low.tolist(), strict=True))
    assert found == sorted((high, low) for high, low, _ in pairs)
    assert sorted(merged.score.tolist()) == sorted(score for *_, score in pairs)


@settings(deadline=None)
@given(st.integers(0, 70))
def test_a_root_that_grew_is_the_root(count: int) -> None:
    leaves = [merkle.leaf(bytes([number])) for number in range(count)]
    growing = merkle.Growing()
    for leaf in leaves:
        growing.add(leaf)
    assert growing.root() == merkle.root(leaves)


@pytest.fixture(scope="module")
def cut(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A selection and the tables that it was made from. To be read only."""
    home = tmp_path_factory.mktemp("selection")
    scores = tables(home / "scores", [i / 100 for i in range(-50, 50)], [0.3] * 20)
    select_tables(scores, cut=Cut(rule="top", value=0.2), out=home / "best", terms=ALL)
    return home / "best", scores


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def test_one_byte_of_any_file_is_noticed(cut: tuple[Path, Path], tmp_path: Path) -> None:
    whole, scores = cut
    best = copied(whole, tmp_path / "best")
    tables = copied(scores, tmp_path / "tables")
    verify(best, scores=tables)
    for file in [*best.iterdir(), *tables.iterdir()]:
        data = file.read_bytes()
        for place in {0, len(data) // 3, len(data) // 2, len(data) - 1}:
            file.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
            with pytest.raises(SelectionError):
                verify(best, scores=tables)
        file.write_bytes(data)
    verify(best, scores=tables)


LIES: list[dict[str, Any]] = [
    {"cut": {"threshold": 0.29}},
    {"cut": {"value": 0.4}},
    {"counts": {"members": 40, "at_threshold": 20}},
    {"counts": {"scored": 119}},
    {"members": {"merkle_root": "0" * 64}},
    {"pool": "another"},
    {"audit": {**dict.fromkeys(("results", "results_audited", "audits_drawn", "audits_failed"), 1),
               "pairs": 10, "pairs_audited": 5, "share_audited": 0.5, "wrong_rate": 0.0,
               "wrong_rate_low95": 0.0, "wrong_rate_high95": 0.1}},
    {"scores": []},
    {"files": []},
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: "_".join(lie))
def test_a_certificate_made_anew_for_a_lie(
    cut: tuple[Path, Path], tmp_path: Path, lie: dict[str, Any]
) -> None:
    whole, scores = cut
    best = copied(whole, tmp_path / "best")
    honest = json.loads((best / certificate.NAME).read_bytes())
    for key, value in lie.items():
        merge = isinstance(value, dict) and honest[key] is not None
        honest[key] = {**honest[key], **value} if merge else value
    forged = certificate.encode(msgspec.convert(honest, Certificate))
    (best / certificate.NAME).write_bytes(forged)
    with pytest.raises(SelectionError):
        verify(best, scores=scores)


@pytest.mark.parametrize("lie", [{"per": "shard"}, {"per": "shard", "threshold": None}], ids=len)
def test_a_certificate_has_strata_or_a_threshold(
    cut: tuple[Path, Path], tmp_path: Path, lie: dict[str, Any]
) -> None:
    """Also where the tables that would tell aren't at hand."""
    best = copied(cut[0], tmp_path / "best")
    claim = json.loads((best / certificate.NAME).read_bytes())
    claim["cut"] |= lie
    forged = certificate.encode(msgspec.convert(claim, Certificate))
    (best / certificate.NAME).write_bytes(forged)
    with pytest.raises(SelectionError, match="not both"):
        verify(best)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()], ids=str)
def test_a_threshold_is_the_one_that_the_rule_names(tmp_path: Path, kind: pa.DataType) -> None:
    """Also where the tables that would tell aren't at hand: 0.9 was asked for, 0.1 was cut."""
    scores = tables(tmp_path / "scores", [0.1, 0.5, 0.9, 0.95], kind=kind)
    best = tmp_path / "best"
    select_tables(scores, cut=Cut(rule="threshold", value=0.1), out=best, terms=ALL)
    verify(best)
    claim = json.loads((best / certificate.NAME).read_bytes())
    claim["cut"]["value"] = 0.9
    forged = certificate.encode(msgspec.convert(claim, Certificate))
    (best / certificate.NAME).write_bytes(forged)
    with pytest.raises(SelectionError, match="isn't the one that its rule names"):
        verify(best)


def test_the_digest_that_was_published_tells_another_certificate(cut: tuple[Path, Path]) -> None:
    with pytest.raises(SelectionError, match="isn't the one with that digest"):
        verify(cut[0], digest="0" * 64)


def test_select_and_verify_a_pool(
    api: Api, pool: str, settings: Settings, dva: Dva, tmp_path: Path
) -> None:
    for lease in api.lease(8).leases:
        api.finish(lease)
    out = tmp_path / "best"
    nothing = dva(settings, "select", "test", "--top", "0.5", "--out", str(out))
    assert nothing.status == 1
    assert "[nothing_scored]" in nothing.err
    done = dva(settings, "select", "test", "--count", "3", "--state", "all", "--out", str(out))
    assert done.status == 0, done.err
    printed = json.loads(done.out)
    verified = dva(settings, "verify-selection", str(out), printed["digest"])
    assert verified.status == 0, verified.err
    assert "cut again from its tables" in verified.err
    claim = json.loads(verified.out)
    assert (claim["pool"], claim["counts"]["members"]) == ("test", printed["members"])
    assert claim["audit"]["results"] > 0
    assert claim["audit"]["wrong_rate"] is None, "nobody has audited"
    members = pq.read_table(out / "members.parquet")["uid"].to_pylist()
    assert set(members) <= {uid(number) for number in range(16)}
    same = json.loads(dva(settings, "compare", str(out), str(out / "scores")).out)
    assert (same["share_of_a"], same["a"]) == (1.0, len(members))
    again = dva(settings, "select", "test", "--count", "3", "--state", "all", "--out", str(out))
    assert "[folder_exists]" in again.err
