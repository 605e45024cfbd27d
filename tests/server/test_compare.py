"""Overlap and rank correlation, beside sets and SciPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from server.errors import PoolError, SelectionError
from server.pools.filters import read_uids
from server.selection.compare import Listed, compare, rank_correlation, read_listed
from server.selection.listing import read_list

KEYS = st.dictionaries(
    st.tuples(st.integers(0, 3), st.integers(0, 3) | st.just(2**64 - 1)),
    st.sampled_from([-1.0, 0.0, 0.1, 0.2, 1.0]),
    max_size=12,
)


def listed(pairs: dict[tuple[int, int], float]) -> Listed:
    keys = sorted(pairs)
    return Listed(
        high=np.array([high for high, _ in keys], np.uint64),
        low=np.array([low for _, low in keys], np.uint64),
        scores=np.array([pairs[key] for key in keys]),
    )


@settings(deadline=None)
@given(a=KEYS, b=KEYS)
def test_overlap_is_that_of_sets(
    a: dict[tuple[int, int], float], b: dict[tuple[int, int], float]
) -> None:
    found = compare(listed(a), listed(b))
    common = a.keys() & b.keys()
    assert (found.a, found.b, found.common) == (len(a), len(b), len(common))
    assert found.jaccard == (len(common) / len(a.keys() | b.keys()) if a or b else None)
    assert found.share_of_b == (len(common) / len(b) if b else None)
    ours, theirs = [a[key] for key in common], [b[key] for key in common]
    if len(set(ours)) > 1 and len(set(theirs)) > 1:
        assert found.spearman == pytest.approx(spearmanr(ours, theirs).statistic, abs=1e-12)
    else:
        assert found.spearman is None, "one rank says nothing"


def test_ranks_correlate_whatever_the_scale() -> None:
    scores = np.random.default_rng(1).normal(size=500)
    assert rank_correlation(scores, np.exp(scores)) == pytest.approx(1)
    assert rank_correlation(scores, -(scores**3)) == pytest.approx(-1)


def test_a_published_list_beside_score_tables(tmp_path: Path) -> None:
    names = [f"{number:032x}" for number in (3, 1, 2, 1)]
    scores = pa.array([0.5, 0.25, None, 0.25], pa.float32())
    pq.write_table(pa.table({"uid": names, "score": scores}), tmp_path / "0.parquet")
    np.save(tmp_path / "list.npy", np.array([(0, 1), (0, 2)], np.dtype("u8,u8")))
    found = compare(read_listed(tmp_path), read_listed(tmp_path / "list.npy"))
    assert (found.a, found.b, found.common, found.spearman) == (2, 2, 1, None)
    without = compare(read_listed(tmp_path, "other"), read_listed(tmp_path / "list.npy"))
    assert without.common == 2, "without scores, all rows are listed"


def test_what_is_no_list(tmp_path: Path) -> None:
    np.save(tmp_path / "numbers.npy", np.arange(3))
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.parquet").write_text("no")
    # Sizes past what a machine counts to, truth for a size, and brackets without end.
    for name, shape in (("beyond", f"({2**70},)"), ("true", "(True,)"), ("deep", "(" * 90)):
        write_header(tmp_path / f"{name}.npy", shape)
    (tmp_path / "empty").mkdir()
    headers = ("beyond.npy", "true.npy", "deep.npy")
    for name in ("numbers.npy", "objects.npy", "text.parquet", "empty", "missing.npy", *headers):
        with pytest.raises(SelectionError):
            read_listed(tmp_path / name)
    for name in headers:
        with pytest.raises(SelectionError):
            read_list(tmp_path / name)
        with pytest.raises(PoolError):
            read_uids(tmp_path / name)


def write_header(path: Path, shape: str) -> None:
    """DataComp's layout, but for its shape."""
    said = f"{{'descr': [('f0', '<u8'), ('f1', '<u8')], 'fortran_order': False, 'shape': {shape}}}"
    with path.open("wb") as file:
        file.write(np.lib.format.magic(1, 0) + len(said).to_bytes(2, "little") + said.encode())
        file.write(bytes(64))
