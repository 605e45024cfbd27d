"""`dva ingest` without the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dva_agent.protocol import PairRef
from sqlalchemy import func, select

from server.config import Settings
from server.db import Database
from server.pools.filters import Filters
from server.pools.ingest import Ingested, Serve, ingest
from server.pools.models import Pool, Shard, Unit
from server.pools.services import unit_pairs
from server.reports import takedowns


class Ingest:
    """The command's service, with the arguments that don't change."""

    def __init__(self, database: Database, settings: Settings, bundle: Path) -> None:
        self.database = database
        self.settings = settings
        self.bundle = bundle
        self.progress: list[tuple[int, int]] = []

    def __call__(
        self,
        *paths: Path,
        pool: str = "test",
        bundle: Path | None = None,
        agent: str | None = None,
        filters: Filters | None = None,
        urls: Sequence[str] = (),
        serve: Serve | None = None,
    ) -> Ingested:
        return ingest(
            self.database,
            self.settings,
            pool=pool,
            paths=paths,
            bundle=bundle or self.bundle,
            agent=agent,
            filters=filters,
            orders=takedowns,
            urls=urls,
            serve=serve,
            progress=lambda done, total: self.progress.append((done, total)),
        )

    def pairs(self, pool: str = "test") -> list[list[PairRef]]:
        with self.database.read() as session:
            units = session.scalars(select(Unit).join(Unit.pool).where(Pool.name == pool))
            return [unit_pairs(self.settings, unit) for unit in units.all()]

    def count(self, table: type[Pool | Shard | Unit]) -> int:
        with self.database.read() as session:
            return session.scalar(select(func.count()).select_from(table)) or 0
