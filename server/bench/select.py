"""`dva select` beside DataComp's own way and DuckDB: the same tables, the same members, each side
in processes of its own, taking turns. DataComp's side has img2dataset's environment, which has the
pandas that it reads by; ours would be slower where pandas is."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from server.bench.memory import Spent, said, spend
from server.bench.scored import write_scored
from server.errors import BenchError
from server.fetching import environment

Side = Literal["dva", "datacomp", "duckdb"]
SIDES: tuple[Side, ...] = ("dva", "datacomp", "duckdb")
TOP = 0.15
SPEEDUP, MEMORY_GB, GROWTH = 3.0, 1.0, 1.25
"""The bars: at least, at most, at most. A tree of processes with its page cache is never quite as
large twice."""
GB = 1e9
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class SelectBench:
    """`larger`: what `dva select` alone took at `larger_rows`."""

    rows: int
    members: int
    spent: Mapping[Side, list[Spent]]
    larger_rows: int
    larger: Spent | None

    def seconds(self, side: Side) -> float:
        return statistics.median(each.seconds for each in self.spent[side])

    def cpu_seconds(self, side: Side) -> float:
        return statistics.median(each.cpu_seconds for each in self.spent[side])

    @property
    def peak_memory_gb(self) -> float:
        return max(each.peak_bytes for each in self.spent["dva"]) / GB

    @property
    def memory_growth(self) -> float | None:
        if self.larger is None:
            return None
        return self.larger.peak_bytes / GB / self.peak_memory_gb

    @property
    def speedup_vs_datacomp(self) -> float:
        return self.seconds("datacomp") / self.seconds("dva")

    @property
    def holds(self) -> bool:
        growth = self.memory_growth
        largest = max(self.peak_memory_gb, self.larger.peak_bytes / GB if self.larger else 0.0)
        return (
            self.speedup_vs_datacomp >= SPEEDUP
            and largest <= MEMORY_GB
            and (growth is None or growth <= GROWTH)
        )

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "members": self.members,
            "speedup_vs_datacomp": self.speedup_vs_datacomp,
            "speedup_vs_duckdb": self.seconds("duckdb") / self.seconds("dva"),
            "cpu_ratio_vs_datacomp": self.cpu_seconds("datacomp") / self.cpu_seconds("dva"),
            "cpu_ratio_vs_duckdb": self.cpu_seconds("duckdb") / self.cpu_seconds("dva"),
            "peak_memory_gb": self.peak_memory_gb,
            "larger_rows": self.larger_rows,
            "larger_seconds": self.larger.seconds if self.larger else None,
            "larger_cpu_seconds": self.larger.cpu_seconds if self.larger else None,
            "larger_peak_memory_gb": self.larger.peak_bytes / GB if self.larger else None,
            "memory_growth": self.memory_growth,
            "sides": {
                side: {
                    "seconds": [each.seconds for each in self.spent[side]],
                    "cpu_seconds": [each.cpu_seconds for each in self.spent[side]],
                    "peak_memory_gb": [each.peak_bytes / GB for each in self.spent[side]],
                }
                for side in SIDES
            },
        }


def bench_select(
    *, rows: int, larger_rows: int, shard_pairs: int, runs: int, say: Say
) -> SelectBench:
    """`larger_rows`: 0 leaves that out. Raises BenchError where a side fails, or where the three
    don't have the same members."""
    with tempfile.TemporaryDirectory(prefix="dva-bench-select-") as home:
        scores = Path(home) / "scores"
        say(f"Making {rows:,} scores")
        write_scored(scores, rows=rows, shard_pairs=shard_pairs)
        spent: dict[Side, list[Spent]] = {side: [] for side in SIDES}
        members = 0
        for run in range(runs):
            lists = {}
            for side in SIDES:
                out = Path(home) / f"{side}-{run}"
                spent[side].append(_run(side, scores, out))
                lists[side] = out / "members.npy"
                last = spent[side][-1]
                say(f"{side}: {said(last)}")
            members = _same(lists)
        larger = None
        if larger_rows:
            say(f"Making {larger_rows:,} scores")
            scores = Path(home) / "larger"
            write_scored(scores, rows=larger_rows, shard_pairs=shard_pairs)
            larger = _run("dva", scores, Path(home) / "dva-larger")
            say(f"dva: {said(larger)}")
    return SelectBench(
        rows=rows, members=members, spent=spent, larger_rows=larger_rows, larger=larger
    )


def _run(side: Side, scores: Path, out: Path) -> Spent:
    try:
        return spend([str(word) for word in _command(side, scores, out)])
    except subprocess.CalledProcessError as error:
        raise BenchError(
            f"{side} failed: {error.stderr[-500:]}", next_step="DuckDB comes with make setup-dev."
        ) from error


def _command(side: Side, scores: Path, out: Path) -> list[Path | str]:
    if side == "dva":
        options: list[Path | str] = ["--scores", scores, "--top", str(TOP), "--out", out]
        return [sys.executable, "-m", "server", "select", *options]
    out.mkdir()
    words: list[Path | str] = [scores, str(TOP), out / "members.npy"]
    if side == "duckdb":
        return [sys.executable, "-m", "server.bench.select_duckdb", *words]
    # -P, as nothing of ours is to be imported there.
    script = Path(__file__).with_name("select_datacomp.py")
    return [environment.ready(None), "-P", script, *words]


def _same(lists: Mapping[Side, Path]) -> int:
    """How many members. Raises BenchError unless all are the same."""
    ours = np.load(lists["dva"], mmap_mode="r")
    for side, path in lists.items():
        if not np.array_equal(ours, np.load(path, mmap_mode="r")):
            raise BenchError(f"{side} has other members than dva.", code="members_differ")
    return len(ours)
