"""An auditor compacts what is finished, now and then, a shard between two audits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from server.compaction.services import Looked, compact_all
from server.config import Settings
from server.db import Database, now

log = logging.getLogger(__name__)
EVERY = timedelta(hours=1)


class Compactor:
    """One process's."""

    def __init__(
        self, database: Database, settings: Settings, *, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._round: Iterator[Looked] = iter(())
        self._next: datetime | None = None

    def step(self) -> bool:
        """Looks at one shard; false if there is none to look at before the next round."""
        at = self._clock()
        found = next(self._round, None) if self._settings.compact_after_days else None
        if found is None:
            if not self._settings.compact_after_days or (self._next and at < self._next):
                return False
            self._next = at + EVERY
            age = timedelta(days=self._settings.compact_after_days)
            self._round = compact_all(self._database, self._settings, age=age, at=at)
            return True
        if found.waits is None:
            log.info("%s: %s results compacted, %s bytes", found.shard, found.results, found.bytes)
        if found.fault:
            log.error("%s can't be compacted: %s", found.shard, found.fault)
        return True
