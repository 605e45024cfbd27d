"""Where the workbench keeps its files."""

from __future__ import annotations

import shutil
from pathlib import Path

from server.config import Settings


def of_pool(settings: Settings, pool: str) -> Path:
    return settings.workbench.resolve() / pool


def snapshot(settings: Settings, pool: str, job: int) -> Path:
    return of_pool(settings, pool) / "snapshots" / str(job)


def selection(settings: Settings, pool: str, job: int) -> Path:
    return of_pool(settings, pool) / "selections" / str(job)


def log(settings: Settings, pool: str, job: int) -> Path:
    """What a job's process said."""
    return of_pool(settings, pool) / "jobs" / f"{job}.log"


def forget_snapshots(settings: Settings, pool: str, keep: int) -> None:
    """All but this one and the one before it, which a page may still be reading."""
    older = [
        folder
        for folder in (of_pool(settings, pool) / "snapshots").iterdir()
        if folder.name.isdigit() and int(folder.name) < keep
    ]
    for folder in sorted(older, key=lambda each: int(each.name))[:-1]:
        shutil.rmtree(folder, ignore_errors=True)


def lists(settings: Settings, pool: str) -> Path:
    """Lists of uids that were uploaded to compare with."""
    return of_pool(settings, pool) / "lists"
