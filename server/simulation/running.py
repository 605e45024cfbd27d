"""Many worlds on all cores, with what is finished kept and what is going on shown."""

from __future__ import annotations

import gc
import multiprocessing
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from server.simulation.kept import Job, keep, load, require_same_rules
from server.simulation.people import KINDS
from server.simulation.play import Tally, play
from server.simulation.replicated import REPLICATED, play_replicated
from server.simulation.report import MIXED, Worlds, added, broken_shares, mixed_shares

WORLDS = (*(name for name, kind in KINDS.items() if kind.alone), MIXED)
LOOK_S = 1.0
_posted: Synchronized[int]
"""By all processes; each has it from its start."""


def kinds(world: str) -> Mapping[str, float]:
    """Who takes part in a world, and their shares."""
    if world in REPLICATED:
        return REPLICATED[world]
    if world == MIXED:
        return mixed_shares()
    return broken_shares() if world == "broken_gpu_class" else {world: 1.0}


def run(
    jobs: Sequence[Job],
    *,
    bundle: Path,
    out: Path | None,
    processes: int,
    progress: Callable[[int, int], None],
) -> dict[Job, Mapping[str, Tally]]:
    """What comes of each. `progress`: of results posted. Raises SimulationError if `out` has one
    that was played by other rules, or a file that isn't one."""
    if out is not None:
        require_same_rules(out)
    kept = {} if out is None else {job: load(out, job) for job in jobs}
    found: dict[Job, Mapping[str, Tally]] = {job: has for job, has in kept.items() if has}
    total = sum(job.units for job in jobs)
    before = sum(job.units for job in found)
    posted: Synchronized[int] = multiprocessing.Value("q", 0)
    with ProcessPoolExecutor(processes, initializer=_begin, initargs=(posted,)) as pool:
        # The last worlds take longest: begun first, they leave no core idle in the end.
        wanted = [job for job in reversed(jobs) if job not in found]
        started = {pool.submit(_world, job, bundle): job for job in wanted}
        while started:
            done, _ = wait(started, timeout=LOOK_S, return_when=FIRST_COMPLETED)
            for future in done:
                job = started.pop(future)
                found[job] = future.result()
                if out is not None:
                    keep(out, job, found[job])
            progress(before + posted.value, total)
    return found


def together(names: Iterable[str], found: Mapping[Job, Mapping[str, Tally]]) -> Worlds:
    """The tallies of these worlds, all their seeds added up."""
    return {
        name: {
            kind: added(tallies[kind] for job, tallies in found.items() if job.name == name)
            for kind in kinds(name)
        }
        for name in names
    }


def _begin(posted: Synchronized[int]) -> None:
    """Of a process."""
    global _posted
    _posted = posted
    # A world makes millions of small objects, hardly any of them in circles.
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _world(job: Job, bundle: Path) -> dict[str, Tally]:
    told = 0

    def progress(units: int) -> None:
        nonlocal told
        # The last ones are more than were asked for, since people post several at a time.
        units = min(units, job.units)
        with _posted.get_lock():
            _posted.value += units - told
        told = units

    played = play_replicated if job.name in REPLICATED else play
    return played(kinds(job.name), units=job.units, seed=job.seed, bundle=bundle, progress=progress)
