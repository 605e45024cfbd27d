"""A meter in this process's memory, for what is asked too often to be written down."""

from __future__ import annotations

import threading
from collections import OrderedDict
from time import monotonic

from server.limits.rate import Rate, take

CLIENTS = 50_000
"""Kept at a time; the one that was quiet longest is forgotten first."""


class Meter:
    """Thread-safe. Each worker process has its own."""

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._lock = threading.Lock()
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str) -> float:
        """0 if `client` may go on; else the seconds until it may."""
        at = monotonic()
        with self._lock:
            taken = take(self._rate, self._free_at.get(client, at), at)
            self._free_at[client] = taken.free_at
            self._free_at.move_to_end(client)
            if len(self._free_at) > CLIENTS:
                self._free_at.popitem(last=False)
        return taken.wait_s
