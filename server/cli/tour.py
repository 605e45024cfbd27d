"""`dva tour`: serve the demo, watch it being scored, grade it, and show what came out."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import httpx
import msgspec
from dva_agent.protocol import ROOT, PoolStatus, ServerStatus

from server.cli.opened import bar, opened
from server.cli.options import FOLDER
from server.config import Settings, read_settings
from server.errors import ServeError
from server.selection.grade import graded, report
from server.selection.scores import write_scores

POOL = "demo"
LOOK_EVERY_S = 0.5
ANSWER_WITHIN_S = 60.0
"""On a busy machine. A server that has ended refuses at once."""
SHOWN = 12
"""Pairs of each end."""


@click.command(epilog="Example: dva tour --out tour")
@click.option("--out", type=FOLDER, default="tour", show_default=True, help="What it leaves.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="[default: a free one]")
@click.option("--terminal", is_flag=True, help="Score in this terminal instead of a browser's tab.")
def tour(out: Path, port: int, terminal: bool) -> None:
    """Two minutes: score the demo pool in a tab, grade it, and look at what came out.

    Opens the page; press Start there and watch. When the pool is done, the scores lie in OUT/scores
    as Parquet, and OUT/tour.html shows them. Ctrl-C stops; the same command goes on.
    """
    settings = read_settings(data=out / "data", database=None)
    with _serving(settings, port) as origin:
        if terminal:
            _score(origin, out)
        else:
            _watch(origin)
    page = _show(settings, out)
    click.echo(f"What came out: {page}")
    if not terminal and _has_screen():
        webbrowser.open(page.resolve().as_uri())


@contextmanager
def _serving(settings: Settings, port: int) -> Iterator[str]:
    """Origin of a `dva demo` of its own over the data folder. Raises ServeError."""
    command = [sys.executable, "-m", "server", "demo", "--data", str(settings.data)]
    with subprocess.Popen(  # noqa: S603
        [*command, "--port", str(port)], stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None, "it is a pipe"
        try:
            line = server.stdout.readline()
            if "http" not in line:
                raise ServeError(
                    "The demo can't be served.",
                    code="demo_unavailable",
                    next_step="The lines above say why.",
                )
            yield line.split()[-1]
        finally:
            server.terminate()
            server.wait()


def _score(origin: str, out: Path) -> None:
    # Here, because a tour in the tab runs without onnxruntime.
    from dva_agent.native.agent import run_native_agent

    if run_native_agent(origin, pool=POOL, cache=out / "models").ending == "stopped":
        raise click.exceptions.Exit(130)


def _watch(origin: str) -> None:
    """Until a tab has scored the whole pool."""
    page = f"{origin}/?pool={POOL}&until=drained"
    click.echo(f"Open {page}\nand press Start. (Or stop this, and let it run with --terminal.)")
    if _has_screen():
        webbrowser.open(page)
    with (
        httpx.Client(base_url=origin, timeout=ANSWER_WITHIN_S) as client,
        bar("scored", unit="pair") as progress,
    ):
        while True:
            pool = _look(client)
            progress(pool.pairs_done, pool.pairs)
            if pool.units_done == pool.units:
                return
            time.sleep(LOOK_EVERY_S)


def _look(client: httpx.Client) -> PoolStatus:
    try:
        answer = client.get(f"{ROOT}/status").raise_for_status()
    except httpx.HTTPError as error:
        raise ServeError(
            f"The demo no longer answers: {error}",
            code="demo_unavailable",
            next_step="Run the same command again: it goes on where it stopped.",
        ) from error
    pools = msgspec.json.decode(answer.content, type=ServerStatus).pools
    return next(pool for pool in pools if pool.pool == POOL)


def _has_screen() -> bool:
    """Whether a browser would open a window where somebody sees it."""
    return sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )


def _show(settings: Settings, out: Path) -> Path:
    """Grade, scores, figure and page. Returns the page's path."""
    # Here, because matplotlib takes its time to load.
    from server.selection.figure import draw
    from server.tour.ends import ends
    from server.tour.page import write_page

    figure, page = out / "grade.svg", out / "tour.html"
    with opened(settings) as store:
        with bar("written", unit="shard") as progress:
            write_scores(store, settings, pool=POOL, out=out / "scores", progress=progress)
        pairs = graded(store, settings, pool=POOL)
        draw(pairs, figure)
        best, worst = ends(store, settings, pool=POOL, count=SHOWN)
    write_page(
        file=page,
        title="The emoji demo",
        report=report(pairs),
        figure=figure.read_text(encoding="utf-8"),
        best=best,
        worst=worst,
    )
    return page
