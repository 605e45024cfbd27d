"""`dva audit`."""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click
from dva_agent.backoff import Backoff
from sqlalchemy.exc import OperationalError

from server import logs
from server.cli.opened import bar, opened
from server.cli.options import data_options
from server.config import Settings, read_settings
from server.db import Database
from server.keys import keys_of, secret_key

if TYPE_CHECKING:
    from server.trust.auditor import Done

IDLE_S = 1.0
POLITE = 10
BACKOFF = Backoff(first=1.0, longest=60.0)
TRIES_ONCE = 5
"""How often `--once` waits for a database that refuses, which would else be for ever."""
LASTING = ("no such ", "attempt to write a readonly database", "unable to open database file")
"""How SQLite begins to say what no waiting mends."""
log = logging.getLogger("server.audit")


@click.command(epilog="Example: dva audit --data data")
@click.option("--once", is_flag=True, help="End when nothing is left to audit.")
@click.option("--threads", type=click.IntRange(0), default=0, help="0 lets onnxruntime choose.")
@click.option("--boundary", metavar="POOL", help="Only look at the pairs round a cut of POOL.")
@click.option(
    "--top",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.15,
    show_default=True,
    help="The share that is cut, with --boundary.",
)
@click.option(
    "--sample",
    type=click.IntRange(1),
    default=10_000,
    show_default=True,
    help="Pairs recomputed at most, with --boundary.",
)
@click.option("--parent", type=int, hidden=True, help="End when this process does; be polite.")
@data_options
def audit(
    once: bool,
    threads: int,
    boundary: str | None,
    top: float,
    sample: int,
    parent: int | None,
    data: Path | None,
    database: str | None,
) -> None:
    """Recompute samples of what devices posted; confirm what holds, reject what doesn't. As many
    of these may run as the load needs, on any machine that has the data folder and the shards."""
    settings = read_settings(data=data, database=database)
    if boundary is not None:
        _measure(settings, boundary, top, sample, threads)
        return
    logs.set_up(settings.log_level, settings.log_format)  # type: ignore[arg-type]
    if parent is not None:
        os.nice(POLITE)
    with _stopped_by_signal() as stop, opened(settings) as store:
        _run(settings, store, stop, threads=threads, once=once, parent=parent)


def _measure(settings: Settings, pool: str, top: float, sample: int, threads: int) -> None:
    from server.trust.boundary import measure
    from server.trust.recompute import Recomputer

    recomputer = Recomputer(settings, threads=threads)
    try:
        with opened(settings) as store, bar("pairs", unit="pair") as progress:
            found = measure(store, recomputer, pool=pool, top=top, sample=sample, progress=progress)
    finally:
        recomputer.close()
    click.echo(json.dumps(asdict(found), indent=2))


def _run(
    settings: Settings,
    store: Database,
    stop: threading.Event,
    *,
    threads: int,
    once: bool,
    parent: int | None,
) -> None:
    # Here, because the other commands run without onnxruntime.
    from server.compaction.now_and_then import Compactor
    from server.trust.auditor import Auditor
    from server.trust.settling import Court

    court = Court(settings=settings, secret=keys_of(secret_key(settings)).audit)
    auditor = Auditor(store, court, threads=threads)
    compactor = Compactor(store, settings)
    audits = pairs = failures = 0
    try:
        while not stop.is_set() and parent in (None, os.getppid()):
            try:
                done = auditor.step()
                if not isinstance(done, bool):
                    audits += len(done)
                    pairs += sum(each.pairs for each in done)
                    for each in done:
                        _tell(each)
                looked = compactor.step()
            except OperationalError as error:
                if not _passes(error) or (once and failures == TRIES_ONCE):
                    raise
                wait = BACKOFF.delay(failures, chance=random.random())  # noqa: S311 - spreads load
                log.warning("the database refused: %s; on in %.0f s", error.orig, wait)
                failures += 1
                stop.wait(wait)
                continue
            failures = 0
            if done is False and not looked:
                if once:
                    break
                stop.wait(IDLE_S)
    finally:
        auditor.close()
    click.echo(f"{audits} audits of {pairs} pairs", err=True)


def _passes(error: OperationalError) -> bool:
    """Whether it may go well the next time, as it does for who was in a deadlock, found SQLite
    locked, or PostgreSQL away. What was begun is rolled back, and stays to be done."""
    return not str(error.orig).startswith(LASTING)


def _tell(done: Done) -> None:
    judged = done.judged
    line = (
        f"audit {done.audit} ({done.kind}) of {done.unit}, device {done.device[:8]}: "
        f"{judged.state} on {done.pairs} pairs"
    )
    if done.largest is not None:
        line += f", largest difference {done.largest:.1e}"
    if judged.confirmed:
        line += f"; {judged.confirmed} results confirmed"
    if judged.state != "failed":
        log.info("%s", line)
        return
    log.warning(
        "%s (%s); %s results rejected, %s revoked",
        line,
        judged.reason,
        judged.rejected,
        judged.revoked,
    )


@contextmanager
def _stopped_by_signal() -> Iterator[threading.Event]:
    """Set by SIGTERM or SIGINT: the audit under way is finished first."""
    stop = threading.Event()
    before = {
        number: signal.signal(number, lambda *_: stop.set())
        for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
