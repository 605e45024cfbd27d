"""The benchmarks of selections, on pools small enough to say nothing of their speed."""

from __future__ import annotations

from server.bench.counts import ASKED, bench_counts
from server.bench.select import SIDES, bench_select


def test_three_engines_have_the_same_members() -> None:
    found = bench_select(
        rows=3000, larger_rows=1000, shard_pairs=1000, runs=1, say=lambda line: None
    )
    # Where one differed, it would have said so.
    assert found.members == 451
    assert all(found.spent[side][0].peak_bytes > 10_000_000 for side in SIDES)
    figures = found.as_json()
    assert 0 < figures["speedup_vs_datacomp"] < 100
    assert figures["memory_growth"] > 0


def test_all_that_the_workbench_counts_is_counted() -> None:
    found = bench_counts(rows=2000, shard_pairs=500, say=lambda line: None)
    assert list(found.as_json()["spent"]) == list(ASKED)
    assert found.ranking_bytes == 2000 * 28
    assert 0 < found.line_ms < 1000
    assert 0 < found.line_in_strata_ms < 1000
