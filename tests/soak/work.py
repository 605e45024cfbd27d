"""Work without end: the demo pool's shards again and again, under new names in one pool; and what
was stored for them, compared with the native agent's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from dva_agent.protocol import unpack_scores
from sqlalchemy import func, select

from server.config import Settings
from server.db import Database
from server.migrations import migrate
from server.pools.ingest import ingest
from server.pools.models import Shard, Unit
from server.results.models import Result
from server.work.models import Lease
from tests.e2e.serving import dva, serving

POOL = "soak"
AHEAD_UNITS = 64
"""So much open work there is always: a turn of the demo has 16 units."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """What a sound run has none of, and how much there was to lose."""

    units: int
    pairs: int
    units_without_result: int
    leases_held: int
    rejected: int
    """Results that an audit failed, though everybody here is honest."""
    statuses_other: int
    furthest: float
    """The greatest difference of a score from the native agent's."""
    turns_other: int
    """Units whose bytes differ from those of the same unit in the first turn."""


class Work:
    """One growing pool in `data`."""

    def __init__(self, *, data: Path, shards: Path, bundle: Path) -> None:
        self._shards = sorted(shards.glob("*.tar"))
        self._bundle = bundle
        self._links = data / "shards"
        self._links.mkdir(parents=True)
        self.settings = Settings(data=data)
        self.database = Database(self.settings.database_url)
        migrate(self.database)
        self._turn = 0
        self.add_turn()

    def keep_ahead(self) -> int:
        """Ingests turns until enough is open. Returns how many units are done."""
        total, done = self._count()
        while total - done < AHEAD_UNITS:
            self.add_turn()
            total, done = self._count()
        return done

    def add_turn(self) -> None:
        folder = self._links / f"{self._turn:04d}"
        folder.mkdir()
        for shard in self._shards:
            os.link(shard, folder / f"{self._turn:04d}-{shard.name}")
        (folder / "pool.json").write_text('{"title": "Soak", "licence": "", "safe": true}')
        ingest(
            self.database,
            self.settings,
            pool=POOL,
            paths=[folder],
            bundle=self._bundle,
            progress=lambda done, total: None,
        )
        self._turn += 1

    def _count(self) -> tuple[int, int]:
        with self.database.read() as session:
            total, done = session.execute(
                select(
                    func.coalesce(func.sum(Shard.units), 0),
                    func.coalesce(func.sum(Shard.units_done), 0),
                )
            ).one()
        return int(total), int(done)

    def results(self) -> Iterator[tuple[str, int, Result]]:
        """Name of the shard without its turn, number of the unit, its result; oldest first."""
        with self.database.read() as session:
            rows = session.execute(
                select(Shard.name, Unit.number, Result)
                .join(Unit, Unit.shard_id == Shard.id)
                .join(Result, Result.unit_id == Unit.id)
                .order_by(Unit.id)
            )
            for name, number, result in rows.yield_per(256):
                yield name.partition("-")[2], number, result

    def losses(self, native: dict[tuple[str, int], Result]) -> Losses:
        """After the tab has stopped."""
        first: dict[tuple[str, int], bytes] = {}
        units = pairs = other = statuses_other = 0
        furthest = 0.0
        for name, number, result in self.results():
            expected = native[name, number]
            units += 1
            pairs += len(result.statuses)
            statuses_other += result.statuses != expected.statuses
            other += first.setdefault((name, number), result.scores) != result.scores
            found, wanted = unpack_scores(result.scores), unpack_scores(expected.scores)
            furthest = max(furthest, float(np.abs(np.subtract(found, wanted)).max()))
        with self.database.read() as session:
            held = session.scalar(
                select(func.count()).select_from(Lease).where(Lease.state == "held")
            )
            rejected = session.scalar(
                select(func.count()).select_from(Result).where(Result.state == "rejected")
            )
        _, done = self._count()
        return Losses(
            units=units,
            pairs=pairs,
            units_without_result=done - units,
            leases_held=held or 0,
            rejected=rejected or 0,
            statuses_other=statuses_other,
            furthest=furthest,
            turns_other=other,
        )


def by_native_agent(folder: Path, *, shards: Path, bundle: Path) -> dict[tuple[str, int], Result]:
    """One turn, scored by `dva agent`."""
    work = Work(data=folder, shards=shards, bundle=bundle)
    with serving(folder) as origin:
        dva("agent", "--server", origin, "--cache", str(folder / "cache"))
    return {(name, number): result for name, number, result in work.results()}
