"""Who takes part in a simulation: their behaviour, how many at a time, how long they stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from server.simulation import behaviours
from server.simulation.behaviours import Behaviour, Dropping, Lazy

VISIT = 300
"""Units of an honest visit on average: an hour or so of a graphics card."""
SYBIL_VISIT = 3
"""Units of an identity that was made to be thrown away."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """`visit`: units before leaving, on average; None: stays until caught. `after_turn`: of a
    cheat with a `turn`, how many units after it it leaves, at most. Whoever is gone or out is
    replaced by another of the kind. `at_once`: how many there are at a time where all are of this
    kind; fewer have longer careers. `networks`: they come from that many; None: each from one of
    its own. `device_class`, `engine`: what their devices call themselves, and the one engine that
    they have; None: any. `poisoned`: on this shard, from 0, an auditor reads other bytes than they
    get. `alone`: they have a world to themselves, beside their part in the mixed one."""

    behaviour: Behaviour
    hostile: bool = True
    visit: int | None = None
    turn: int = 0
    after_turn: int | None = None
    at_once: int = 20
    networks: int | None = None
    device_class: str = "simulated"
    engine: int | None = None
    poisoned: int | None = None
    alone: bool = True


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "honest": Kind(behaviour=behaviours.honest, hostile=False, visit=VISIT),
        "poisoned_shard": Kind(behaviour=behaviours.honest, hostile=False, visit=VISIT, poisoned=2),
        "broken_gpu_class": Kind(
            behaviour=behaviours.broken_card,
            hostile=False,
            visit=VISIT,
            device_class="broken",
            engine=0,
        ),
        "random": Kind(behaviour=behaviours.random_scores),
        "caption_length": Kind(behaviour=behaviours.caption_length),
        "constant": Kind(behaviour=behaviours.constant),
        "mean_guessing": Kind(behaviour=behaviours.mean_guessing),
        "copying": Kind(behaviour=behaviours.copying),
        "colluding": Kind(behaviour=behaviours.colluding),
        "broken_card": Kind(behaviour=behaviours.broken_card),
        "lazy_1": Kind(behaviour=Lazy(share=0.01)),
        "lazy_2": Kind(behaviour=Lazy(share=0.02)),
        "lazy_5": Kind(behaviour=Lazy(share=0.05)),
        "lazy_10": Kind(behaviour=Lazy(share=0.10)),
        "lazy_50": Kind(behaviour=Lazy(share=0.50)),
        "dropping_5": Kind(behaviour=Dropping(share=0.05), alone=False),
        "dropping_10": Kind(behaviour=Dropping(share=0.10)),
        "whole_5": Kind(behaviour=Lazy(share=0.05, whole=True)),
        "whole_10": Kind(behaviour=Lazy(share=0.10, whole=True)),
        "sleeper_20": Kind(behaviour=Lazy(share=0.10, honest_first=20), turn=20),
        "sleeper_100": Kind(behaviour=Lazy(share=0.10, honest_first=100), turn=100),
        "sleeper_1000": Kind(behaviour=Lazy(share=0.10, honest_first=1000), turn=1000, at_once=4),
        "leaver": Kind(behaviour=Lazy(share=0.10, honest_first=100), turn=100, after_turn=40),
        "sybil_10": Kind(behaviour=Lazy(share=0.10), visit=SYBIL_VISIT, networks=4),
        "sybil_100": Kind(behaviour=behaviours.mean_guessing, visit=SYBIL_VISIT, networks=4),
    }
)
BROKEN_SHARE = 0.5
"""Of the people in the world of a broken kind of device, the others being honest."""
HURT = ("poisoned_shard", "broken_gpu_class")
"""Who does nothing wrong, and whose results are."""
HOSTILE = tuple(name for name, kind in KINDS.items() if kind.hostile)
