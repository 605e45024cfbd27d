"""What a job's process does: a snapshot itself, a cut by `dva select` in a process of its own, for
that can be ended at any moment, and takes its memory with it."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

import pyarrow as pa
from dva_agent.errors import DvaError
from sqlalchemy.exc import OperationalError

from server.config import Settings
from server.db import Database, now
from server.errors import WorkbenchError
from server.pools import services as pools
from server.selection.cutting import SCORES, Selected
from server.workbench import (
    asked,
    counting,
    filters,
    folders,
    look,
    others,
    services,
    snapshot,
)
from server.workbench.others import Choice
from server.workbench.services import COUNT, CUT, SNAPSHOT, Job, Selection

EVERY_S = 1.0
LOOK_S = 0.2
GRACE_S = 5.0
LONGEST = 2000
log = logging.getLogger(__name__)
_TOLD = re.compile(r"dva: (?P<message>.*) \[(?P<code>[a-z_]+)\]")


class Stopped(Exception):
    """Somebody asked for it, or gave the job up."""


class Reporter:
    """Says at most once a second how far the job is."""

    def __init__(self, database: Database, job: int, every_s: float = EVERY_S) -> None:
        self._database, self._job, self._every_s = database, job, every_s
        self._next = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Raises Stopped."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._every_s
        try:
            with self._database.write() as session:
                goes_on = services.tell(session, self._job, done, total, now())
        except OperationalError:
            # A database that is busy or away for a moment is no reason to lose an hour's work; who
            # stays silent is given up by others.
            log.warning("How far the job is can't be told now.", exc_info=True)
            return
        if not goes_on:
            raise Stopped


def run(database: Database, settings: Settings, number: int) -> None:
    """To its end, whatever that is; the row says it. What isn't an expected failure is raised."""
    with database.read() as session:
        job = services.get_job(session, number)
    report = Reporter(database, number)
    try:
        _tidy(database, settings, job)
        if job.kind == CUT:
            _cut(database, settings, job, report)
        elif job.kind == COUNT:
            _count(database, settings, job, report)
        else:
            _snapshot(database, settings, job, report)
    except Stopped:
        with database.write() as session:
            services.stop(session, number, now())
    except (DvaError, OSError, pa.ArrowException) as error:
        code = error.code if isinstance(error, DvaError) else "files_failed"
        with database.write() as session:
            services.fail(session, number, now(), code=code, message=str(error)[:LONGEST])
    except BaseException:
        with database.write() as session:
            services.fail(
                session,
                number,
                now(),
                code="server_error",
                message="This is a bug. The job's log says more.",
            )
        raise


def _tidy(database: Database, settings: Settings, job: Job) -> None:
    """What processes left that were killed before they could."""
    with database.read() as session:
        kept = {kind: services.kept(session, job.pool, kind) for kind in (SNAPSHOT, CUT)}
    folders.tidy(settings, job.pool.name, folders.SNAPSHOTS, kept[SNAPSHOT])
    folders.tidy(settings, job.pool.name, folders.SELECTIONS, kept[CUT])


def _count(database: Database, settings: Settings, job: Job, report: Reporter) -> None:
    with database.read() as session:
        found = look.current(session, settings, job.pool)
        known = others.choices(session, settings, job.pool)
    if found is None:
        raise WorkbenchError("The scores haven't been read yet.", code="nothing_to_count")
    report(0, 0)
    counting.count(found, asked.read(job.query, "confirmed"), known, report)
    with database.write() as session:
        services.finish(session, job.id, now())


def _snapshot(database: Database, settings: Settings, job: Job, report: Reporter) -> None:
    out = folders.snapshot(settings, job.pool.name, job.id)
    report(0, 0)
    snapshot.take(database, settings, pool=job.pool.name, out=out, at=now(), progress=report)
    with database.write() as session:
        kept = services.finish(session, job.id, now())
    if kept:
        folders.forget_snapshots(settings, job.pool.name, job.id)
    else:
        shutil.rmtree(out)


def _cut(database: Database, settings: Settings, job: Job, report: Reporter) -> None:
    with database.read() as session:
        selection = services.selection_of(session, job.id)
        shards = pools.count_shards(session, job.pool)
        known = others.choices(session, settings, job.pool)
    command = command_of(settings, job, selection, known)
    out = folders.selection(settings, job.pool.name, job.id)
    partial = out.with_name(f".{out.name}.partial")

    def seen() -> None:
        tables = sum(1 for _ in (partial / SCORES).glob("*.parquet"))
        # Reading the scores, then finding the line, then writing the members.
        report(tables, shards + 1)

    try:
        said = attended([*command, f"--out={out}"], seen)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    with database.write() as session:
        kept = services.finish(session, job.id, now(), Selected(**json.loads(said)))
    if not kept:
        shutil.rmtree(out)


def command_of(
    settings: Settings, job: Job, selection: Selection, known: Sequence[Choice]
) -> list[str]:
    """The command that anybody could give, but for where it writes. The database comes by the
    environment. Raises SelectionError where a list isn't there any more."""
    value = int(selection.value) if selection.rule == "count" else selection.value
    command = [sys.executable, "-m", "server.workbench.tied", "server", "select", job.pool.name]
    command += [f"--{selection.rule}={value}", f"--state={selection.standing}"]
    command += filters.options(selection.left_out, known)
    return [*command, f"--data={settings.data.resolve()}"]


def attended(command: list[str], look: Callable[[], None]) -> str:
    """What the command prints; `look` is called several times a second, and when it raises, the
    command and what it began are ended. Raises WorkbenchError with the command's own words.

    Its stdin is open as long as this process lives, see `tied`."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with (
        _pipe() as (read, _),
        subprocess.Popen(  # noqa: S603 - our own command
            command,
            env=environment,
            stdin=read,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            while True:
                look()
                try:
                    printed, said = process.communicate(timeout=LOOK_S)
                    break
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            _end(process)
            raise
    sys.stderr.write(said)
    if process.returncode == 0:
        return printed
    told = list(_TOLD.finditer(said))
    if not told:
        raise WorkbenchError(
            f"dva select ended with status {process.returncode}. The job's log says more.",
            code="select_failed",
        )
    raise WorkbenchError(told[-1]["message"], code=told[-1]["code"])


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Its end to read from and the one to write to. Neither is handed on to other processes."""
    ends = os.pipe()
    try:
        yield ends
    finally:
        for end in ends:
            os.close(end)


def _end(process: subprocess.Popen[str]) -> None:
    """And Daft, which is in its session."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=GRACE_S)
            break
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
