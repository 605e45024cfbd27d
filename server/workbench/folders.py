"""Where the workbench keeps its files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from pathlib import Path

from server.config import Settings

SNAPSHOTS, SELECTIONS = "snapshots", "selections"
_OF_JOB = re.compile(r"\.?(\d+)(\.partial)?")


def of_pool(settings: Settings, pool: str) -> Path:
    return settings.workbench.resolve() / pool


def snapshot(settings: Settings, pool: str, job: int) -> Path:
    return of_pool(settings, pool) / SNAPSHOTS / str(job)


def selection(settings: Settings, pool: str, job: int) -> Path:
    return of_pool(settings, pool) / SELECTIONS / str(job)


def log(settings: Settings, pool: str, job: int) -> Path:
    """What a job's process said."""
    return of_pool(settings, pool) / "jobs" / f"{job}.log"


def forget_snapshots(settings: Settings, pool: str, keep: int) -> None:
    """All but this one and the one before it, which a page may still be reading."""
    older = [
        folder
        for folder in (of_pool(settings, pool) / SNAPSHOTS).iterdir()
        if folder.name.isdigit() and int(folder.name) < keep
    ]
    for folder in sorted(older, key=lambda each: int(each.name))[:-1]:
        shutil.rmtree(folder, ignore_errors=True)


def forget_selection(settings: Settings, pool: str, job: int) -> None:
    """Its files, and what its job's process said."""
    shutil.rmtree(selection(settings, pool, job), ignore_errors=True)
    log(settings, pool, job).unlink(missing_ok=True)


def tidy(settings: Settings, pool: str, kind: str, keep: Collection[int]) -> None:
    """Removes what jobs left that were ended by force. `kind`: SNAPSHOTS or SELECTIONS; `keep`: the
    jobs that still run, or whose work is wanted."""
    parent = of_pool(settings, pool) / kind
    for path in parent.iterdir() if parent.is_dir() else ():
        of_job = _OF_JOB.fullmatch(path.name)
        if of_job and int(of_job[1]) not in keep:
            shutil.rmtree(path, ignore_errors=True)


def lists(settings: Settings, pool: str) -> Path:
    """Lists of uids that were uploaded to compare with."""
    return of_pool(settings, pool) / "lists"
