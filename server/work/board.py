"""The status, which everybody may ask for at any time: where it costs something, it is reused."""

from __future__ import annotations

import threading
from datetime import datetime
from time import monotonic

from dva_agent.protocol import PoolStatus

from server.db import Database
from server.pools import services as pools
from server.work.services import count_leased

FEW_SHARDS = 1000
"""Adding these up costs less than anything else about a request."""

SHARDS_PER_S = 20_000


def keeps_s(shards: int) -> float:
    """How long a status that took so many shards to add up is good for: long enough that adding up
    takes a hundredth of a core at most, whoever asks how often (100,000 shards: 32 ms, 5 s)."""
    return 0.0 if shards <= FEW_SHARDS else shards / SHARDS_PER_S


class Board:
    """One for each worker. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept_s = 0.0
        self._good_until = 0.0
        self._pools: list[PoolStatus] = []

    def read(self, database: Database, at: datetime) -> list[PoolStatus]:
        """Every pool."""
        if not self._kept_s:
            return self._add_up(database, at)
        # Who comes while it is being added up waits for that, and doesn't add it up as well.
        with self._lock:
            if monotonic() < self._good_until:
                return self._pools
            return self._add_up(database, at)

    def _add_up(self, database: Database, at: datetime) -> list[PoolStatus]:
        with database.read() as session:
            found = pools.statuses(session, count_leased(session, at))
            kept = keeps_s(pools.count_all_shards(session))
        self._pools, self._good_until, self._kept_s = found, monotonic() + kept, kept
        return found
