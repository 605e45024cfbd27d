"""Finished worlds in a folder, so that a run which was broken off goes on where it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from server.simulation.play import Tally


@dataclass(frozen=True, kw_only=True)
class Job:
    """One world to be played."""

    name: str
    seed: int
    units: int

    @property
    def file(self) -> str:
        return f"{self.name}-{self.units}-{self.seed}.json"


def load(folder: Path, job: Job) -> dict[str, Tally] | None:
    """None if it isn't there. Raises msgspec.DecodeError for what no simulation has written."""
    file = folder / job.file
    if not file.exists():
        return None
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Tally])


def keep(folder: Path, job: Job, tallies: Mapping[str, Tally]) -> None:
    """All of it or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    new = folder / f"{job.file}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(tallies), indent=1))
    new.replace(folder / job.file)
