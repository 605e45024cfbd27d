"""The activity, which anybody may ask for at any time: it is gathered once in a while."""

from __future__ import annotations

import threading
from datetime import datetime
from time import monotonic

from dva_agent.activity import Activity

from server.activity.services import activity
from server.db import Database

KEPT_S = 10
"""So old it may be, here and in caches on the way. However many ask, each worker gathers it so
often at most."""


class Bulletin:
    """One for each worker. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._good_until = 0.0
        self._kept: Activity | None = None

    def read(self, database: Database, at: datetime) -> Activity:
        # Who comes while it is being gathered waits for that, and doesn't gather it as well.
        with self._lock:
            if self._kept is None or monotonic() >= self._good_until:
                with database.read() as session:
                    self._kept = activity(session, at)
                self._good_until = monotonic() + KEPT_S
            return self._kept
