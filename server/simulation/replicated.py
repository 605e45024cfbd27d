"""Worlds in which contributors check each other (pools under replication): nobody audits, and a
pool is worked on until nothing of it is wanted any more."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from server.pools.services import REPLICATION
from server.simulation.play import TICK_S, UNIT_PAIRS, Playing, Tally, count_results
from server.simulation.truth import Truth
from server.simulation.world import World

AT_ONCE = 100
"""So many that ten of them are a tenth for each other too: nobody bears themselves out."""
UNITS_AT_ONCE = 2
"""That anybody is given in a tick, so that copies don't all wait for the end."""
PATIENT_TICKS = 40
"""In which nobody has posted anything, twice as long as lots may take: what is left, nobody who is
there may be given."""
SHARE = 0.1
REPLICATED: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "replicated_honest": {"honest": 1.0},
        "replicated_random": {"honest": 1 - SHARE, "random": SHARE},
        "replicated_lazy": {"honest": 1 - SHARE, "lazy_10": SHARE},
        "replicated_colluding": {"honest": 1 - SHARE, "colluding": SHARE},
    }
)
"""Who takes part, and their shares, by world."""


def play_replicated(
    shares: Mapping[str, float],
    *,
    units: int,
    seed: int,
    bundle: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Tally]:
    """A pool of `units` units, everybody in a network of their own. As play.play otherwise; nobody
    is stopped, and what is outvoted is `rejected`. `progress`: of units that have a result."""
    rng = np.random.default_rng((seed, *(ord(letter) for letter in "".join(shares))))
    truth = Truth(pairs=UNIT_PAIRS, seed=seed)
    with tempfile.TemporaryDirectory(prefix="dva-simulation-") as folder:
        world = World(Path(folder), bundle=bundle, units=units, truth=truth, policy=REPLICATION)
        try:
            playing = Playing(
                world=world,
                shares=shares,
                rng=rng,
                at_once=AT_ONCE,
                own_networks=True,
                units_at_once=UNITS_AT_ONCE,
                tallies={name: Tally() for name in shares},
            )
            drained, patience = False, PATIENT_TICKS
            while not drained and patience:
                before = len(playing.entries)
                with world.moment() as session:
                    playing.come()
                    # Whoever asks first may be given what has just been wanted.
                    rng.shuffle(playing.present)
                    playing.work(session)
                    world.compare()
                    drained = world.is_drained()
                patience = PATIENT_TICKS if len(playing.entries) > before else patience - 1
                world.pass_time(TICK_S)
                progress(min(len(playing.entries), units))
            count_results(playing)
            return playing.tallies
        finally:
            world.close()
