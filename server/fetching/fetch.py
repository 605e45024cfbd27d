"""`dva fetch`: metadata is staged, img2dataset downloads it, and what came of it is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.errors import FetchError
from server.fetching import environment, running
from server.fetching.options import Means, Shape, told
from server.fetching.outcomes import Outcomes, keep, outcomes
from server.fetching.staging import FOLDER, METADATA, Staged, stage

HOSTS = "hosts.parquet"

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """`missing_shards`: they failed, and come with the next run. `log`: what img2dataset said."""

    staged: Staged
    outcomes: Outcomes
    missing_shards: int
    hosts: Path
    log: Path


def prepare(metadata: Path, out: Path, shape: Shape, progress: Progress) -> Staged:
    """`progress(done, total)` counts rows. Raises FetchError."""
    staged = stage(metadata, out, shape, environment.IMG2DATASET, progress)
    for path in out.glob("*.json"):
        if not path.name.endswith(running.STATS):
            # img2dataset takes every one for a shard's, by a number at its beginning.
            raise FetchError(
                f"{path} is in img2dataset's way.",
                code="fetch_folder",
                next_step="Move it away until everything is fetched.",
            )
    return staged


def fetch(
    staged: Staged, out: Path, means: Means, *, place: Path | None, progress: Progress
) -> Fetched:
    """Downloads what isn't finished yet of what `prepare` staged. `place`: the environment of
    img2dataset, None: our own. `progress(done, total)` counts pairs. Raises FetchError."""
    python = environment.ready(place)
    if means.distributor != "multiprocessing":
        environment.require(place, means.distributor)
    folder = out / FOLDER
    if len(running.finished_shards(out)) < staged.shards:
        running.run(
            python,
            told(staged.shape, means, folder.resolve() / METADATA, out.resolve(), staged.kept),
            out=out,
            folder=folder,
            progress=lambda pairs: progress(pairs, staged.pairs),
            ray=means.ray,
        )
    finished = running.finished_shards(out)
    found = outcomes(out / f"{shard}.parquet" for shard in sorted(finished))
    keep(found, folder / HOSTS)
    return Fetched(
        staged=staged,
        outcomes=found,
        missing_shards=staged.shards - len(finished),
        hosts=folder / HOSTS,
        log=folder / running.LOG,
    )
