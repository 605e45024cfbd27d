"""Finished worlds in a folder, so that a run which was broken off goes on where it was.

Each is a small JSON file: by which rules it was played, and of each kind of people the counts that
aren't zero. Worlds that were played by other rules are never added to these.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec

from server.config import VERSION
from server.errors import SimulationError
from server.simulation.play import Tally
from server.simulation.truth import BUNDLE
from server.trust import cohort, policy
from server.trust.noise import recordings
from server.trust.replication import policy as replication


@dataclass(frozen=True, kw_only=True)
class Job:
    """One world to be played."""

    name: str
    seed: int
    units: int

    @property
    def file(self) -> str:
        return f"{self.name}-{self.units}-{self.seed}.json"


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about what comes of a world. `noise`: of whose differences honest people post,
    the first digits of a sha256."""

    dva: str
    policy: str
    look: str
    replication: str
    noise: str

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in msgspec.structs.asdict(self).items())


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A file. `tallies`: by kind of people."""

    rules: Rules
    tallies: dict[str, Tally]


@cache
def rules() -> Rules:
    """Those of this very code."""
    noise = "".join(sorted(each.sha256 for each in recordings() if each.bundle == BUNDLE))
    return Rules(
        dva=VERSION,
        policy=policy.VERSION,
        look=cohort.VERSION,
        replication=replication.VERSION,
        noise=hashlib.sha256(noise.encode()).hexdigest()[:12],
    )


def require_same_rules(folder: Path) -> None:
    """Of all worlds that are kept there. Raises SimulationError."""
    for file in sorted(folder.glob("*.json")):
        found = _read(file).rules
        if found != rules():
            raise SimulationError(
                f"{file} was played by other rules ({found}) than those of today ({rules()})."
            )


def load(folder: Path, job: Job) -> dict[str, Tally] | None:
    """None if it isn't there. Raises SimulationError for what no simulation has written."""
    file = folder / job.file
    return _read(file).tallies if file.exists() else None


def keep(folder: Path, job: Job, tallies: Mapping[str, Tally]) -> None:
    """All of it or nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = {
        kind: {name: count for name, count in dataclasses.asdict(tally).items() if count}
        for kind, tally in tallies.items()
    }
    new = folder / f"{job.file}.new"
    world = {"rules": rules(), "tallies": counts}
    new.write_bytes(msgspec.json.format(msgspec.json.encode(world), indent=1))
    new.replace(folder / job.file)


def _read(file: Path) -> World:
    try:
        return msgspec.json.decode(file.read_bytes(), type=World)
    except msgspec.DecodeError as error:
        raise SimulationError(f"{file} isn't a world: {error}", code="world_damaged") from error
