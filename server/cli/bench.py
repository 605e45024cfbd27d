"""`dva bench`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import get_args

import click
from dva_agent.protocol import Rung

from server.bench.counts import bench_counts
from server.bench.page import bench_page
from server.bench.select import bench_select

RUNGS = [rung for rung in get_args(Rung) if rung.startswith(("webgpu-", "wasm"))]
"""Of a tab."""


@click.group(epilog="Example: dva bench page --json")
def bench() -> None:
    """Measure this checkout on this machine."""


@bench.command(epilog="Example: dva bench page --runs 5 --json > page.json")
@click.option("--server", help="A server of this machine. [default: a demo of its own]")
@click.option("--rung", type=click.Choice(RUNGS), default="wasm")
@click.option("--runs", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def page(server: str | None, rung: str, runs: int, as_json: bool) -> None:
    """First and second visit of the page: bytes, requests, seconds to the first score.

    Status 1 if the second visit is over a bar."""
    found = bench_page(
        server=server, rung=rung, runs=runs, say=lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps(found.as_json(), indent=1))
    for bar in found.bars:
        said = f"{bar.name} {bar.found:,.2f}, bar {bar.limit:g}: {'holds' if bar.holds else 'OVER'}"
        click.echo(said, err=as_json)
    if not all(bar.holds for bar in found.bars):
        raise click.exceptions.Exit(1)


@bench.command(epilog="Example: dva bench select --rows 2000000 --larger-rows 0 --json")
@click.option("--rows", type=click.IntRange(1000), default=20_000_000, show_default=True)
@click.option(
    "--larger-rows",
    type=click.IntRange(0),
    default=100_000_000,
    show_default=True,
    help="dva select alone, to see whether its memory grows; 0: not at all.",
)
@click.option("--shard-pairs", type=click.IntRange(1), default=10_000, show_default=True)
@click.option("--runs", type=click.IntRange(1, 50), default=3, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def select(rows: int, larger_rows: int, shard_pairs: int, runs: int, as_json: bool) -> None:
    """dva select beside DataComp's own way and DuckDB, on made-up scores: wall time and peak memory
    of each side's processes. Needs Linux, make setup-dev, and 3 GB of disk.

    Status 1 if a bar is missed: three times DataComp's speed, 1 GB, and the same at any size."""
    found = bench_select(
        rows=rows,
        larger_rows=larger_rows,
        shard_pairs=shard_pairs,
        runs=runs,
        say=lambda line: click.echo(line, err=True),
    )
    figures = found.as_json()
    if as_json:
        click.echo(json.dumps(figures, indent=1))
    else:
        for name in (
            "speedup_vs_datacomp",
            "speedup_vs_duckdb",
            "cpu_ratio_vs_datacomp",
            "peak_memory_gb",
            "memory_growth",
        ):
            value = figures[name]
            click.echo(f"{name} {'not measured' if value is None else format(value, '.2f')}")
    if not found.holds:
        raise click.exceptions.Exit(1)


@bench.command(epilog="Example: dva bench counts --rows 1000000 > counts.json")
@click.option("--rows", type=click.IntRange(1000), default=10_000_000, show_default=True)
@click.option("--shard-pairs", type=click.IntRange(1), default=10_000, show_default=True)
def counts(rows: int, shard_pairs: int) -> None:
    """What the selection workbench counts, on made-up pairs: wall time, processor time and peak
    memory of each count's processes, as JSON. Needs Linux, and 1.5 GB of disk."""
    found = bench_counts(
        rows=rows, shard_pairs=shard_pairs, say=lambda line: click.echo(line, err=True)
    )
    click.echo(json.dumps(found.as_json(), indent=1))


@bench.command(epilog="Example: dva bench model --models b16 --json > model.json")
@click.option(
    "--models",
    default="",
    metavar="NAME,...",
    help="demo (fidelity), b32, b16 (true sizes, random weights). [default: all]",
)
@click.option("--weights", default="", metavar="KIND,...", help="Kinds of weights. [default: all]")
@click.option("--pairs", type=click.IntRange(200), help="Of the demo pool. [default: 1000]")
@click.option("--json", "as_json", is_flag=True, help="All figures, on stdout.")
def model(models: str, weights: str, pairs: int | None, as_json: bool) -> None:
    """Each kind of weights: bytes, speed, error against torch, and whether a score depends on its
    batch. Needs make setup-dev, and minutes.

    Status 1 if a figure is past its bar."""
    # A process of its own: the server's commands stand on no torch, and import nothing of export.
    command = [sys.executable, "-m", "export.bench"]
    command += [word for name in filter(None, models.split(",")) for word in ("--models", name)]
    command += [word for kind in filter(None, weights.split(",")) for word in ("--weights", kind)]
    command += ["--pairs", str(pairs)] if pairs else []
    command += ["--json"] if as_json else []
    status = subprocess.run(command, check=False).returncode  # noqa: S603
    if status:
        raise click.exceptions.Exit(status)
