"""How long to wait before asking again: longer each time, and never all agents at once.

Retry storms are what an overloaded server doesn't recover from.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Backoff:
    """Seconds. The n-th delay is drawn from the upper half of [0, first * 2^n], at most
    `longest`; a server's own wish is a lower bound, stretched by up to `spread` of itself."""

    first: float = 1.0
    longest: float = 120.0
    spread: float = 0.25

    def delay(self, attempt: int, *, chance: float, asked: float = 0.0) -> float:
        """Before attempt `attempt` + 1, counted from 0. `chance` is uniform in [0, 1); `asked` is
        what the server asked for."""
        ceiling = min(self.longest, self.first * 2.0 ** min(attempt, 32))
        return max(ceiling * (0.5 + 0.5 * chance), asked * (1.0 + self.spread * chance))
