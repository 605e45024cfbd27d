"""The same cut by Daft on this machine, by Daft on Ray, and by NumPy; read as DataComp reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.selection import certificate
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_tables
from server.selection.filters import Filters
from server.selection.verify import verify

SHARE = 0.15


@pytest.fixture(scope="module")
def scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tables whose scores tie often, at both zeros and around the threshold."""
    folder = tmp_path_factory.mktemp("scores")
    random = np.random.default_rng(11)
    ladder = np.array([-0.5, -0.0, 0.0, 0.25, np.nextafter(np.float32(0.25), 1), 0.5], np.float32)
    for number in range(3):
        halves = random.integers(0, 1 << 64, (2, 700), dtype=np.uint64)
        table = {
            "uid": [f"{high:016x}{low:016x}" for high, low in halves.T.tolist()],
            "score": pa.array(random.choice(ladder, 700), mask=random.random(700) < 0.1),
            "faces": pa.array(random.integers(0, 3, 700).astype(np.int16)),
        }
        pq.write_table(pa.table(table), folder / f"{number}.parquet")
    return folder


def by_numpy(scores: Path, share: float) -> npt.NDArray[np.void]:
    """What is left of faces and denied uids, cut by DataComp's rule."""
    table = pa.concat_tables([pq.read_table(file) for file in sorted(scores.glob("*.parquet"))])
    rows = [row for row in table.to_pylist() if row["score"] is not None and row["faces"] <= 1]
    rows = [row for row in rows if row["uid"] not in denied(scores)]
    every = np.array([row["score"] for row in rows])
    threshold = -np.sort(-every)[int(len(every) * share)]
    kept = [divmod(int(row["uid"], 16), 1 << 64) for row in rows if row["score"] >= threshold]
    return np.sort(np.array(kept, "u8,u8"))


def denied(scores: Path) -> set[str]:
    table = pq.read_table(scores / "1.parquet")
    return set(table["uid"].to_pylist()[::5])


@pytest.mark.slow
def test_daft_ray_and_numpy_have_the_same_members(scores: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    (tmp_path / "deny.txt").write_text("\n".join(sorted(denied(scores))))
    filters = Filters(deny=tmp_path / "deny.txt", max_faces=1)
    digests = {}
    for ray in (None, "local"):
        out = tmp_path / f"out-{ray}"
        terms = Terms(state="all", filters=filters, ray=ray)
        done = select_tables(scores, cut=Cut(rule="top", value=SHARE), out=out, terms=terms)
        digests[done.digest] = certificate.decode(out).counts.at_threshold
        assert np.array_equal(np.load(out / "members.npy"), by_numpy(scores, SHARE))
    [ties] = digests.values()
    assert ties > 1, "or it would show nothing"
    assert verify(tmp_path / "out-local", scores=scores).cut_again


def test_datacomps_resharder_finds_the_members(scores: Path, tmp_path: Path) -> None:
    """Its way with a subset file, in our words: two 64-bit halves, and a binary search to the left
    and to the right, which count how often a pair of the pool is in the subset."""
    out = tmp_path / "out"
    terms = Terms(state="all", filters=Filters(max_faces=1))
    select_tables(scores, cut=Cut(rule="top", value=SHARE), out=out, terms=terms)
    subset = np.load(out / "members.npy", mmap_mode="r")
    assert subset.dtype == np.dtype("u8,u8")
    assert np.array_equal(subset, np.sort(subset))
    members = set(pq.read_table(out / "members.parquet")["uid"].to_pylist())
    pool = pq.read_table(scores)["uid"].to_pylist()
    keys = np.array([divmod(int(uid, 16), 1 << 64) for uid in pool], subset.dtype)
    often = np.searchsorted(subset, keys, "right") - np.searchsorted(subset, keys, "left")
    assert dict(zip(pool, often.tolist(), strict=True)) == {
        uid: int(uid in members) for uid in pool
    }
