"""The three sides of the benchmark, on a pool small enough to say nothing of their speed."""

from __future__ import annotations

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
