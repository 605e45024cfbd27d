"""What the page of a pool's workbench shows, put together for the templates."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy.orm import Session

from server.config import Settings
from server.errors import SelectionError
from server.pools.services import Pool
from server.workbench import folders, line, overlap, samples, services, snapshot
from server.workbench.asked import Asked
from server.workbench.drawing import Drawing, draw
from server.workbench.line import Line
from server.workbench.overlap import Other, Shared
from server.workbench.samples import Sample
from server.workbench.services import DONE, SNAPSHOT
from server.workbench.snapshot import Snapshot

SIZE = 12
Band = Literal["above", "below", "across"]
BANDS: tuple[Band, ...] = ("above", "below", "across")
OUTPUTS = ("members.npy", "members.parquet", "certificate.json")


@dataclass(frozen=True, kw_only=True)
class Told:
    """Of a line. `fault`: why there is none."""

    line: Line | None = None
    shared: Shared | None = None
    fault: str | None = None

    @property
    def share(self) -> float | None:
        return self.line.members / self.line.scored if self.line else None

    @property
    def as_json(self) -> dict[str, Any]:
        """For the page's script."""
        if self.line is None:
            return {"fault": self.fault}
        return {
            "threshold": self.line.threshold,
            "members": self.line.members,
            "scored": self.line.scored,
            "ties": self.line.at_threshold,
            "shared": self.shared.members if self.shared else None,
            "share_of_cut": self.shared.share_of_cut if self.shared else None,
            "share_of_other": self.shared.share_of_other if self.shared else None,
        }


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Something to compare with. `value`: how an address names it."""

    value: str
    label: str
    path: Path


def current(session: Session, settings: Settings, pool: Pool) -> Snapshot | None:
    """The latest that is whole. Raises SelectionError if it can't be read."""
    job = services.latest(session, pool, SNAPSHOT, DONE)
    if job is None:
        return None
    return snapshot.read(folders.snapshot(settings, pool.name, job.id))


def choices(session: Session, settings: Settings, pool: Pool) -> list[Choice]:
    """Its selections, the newest first, then uploaded lists."""
    found = [
        Choice(
            value=f"selection:{each.job_id}",
            label=f"{each.name} ({each.members or 0:,} members)",
            path=folders.selection(settings, pool.name, each.job_id) / OUTPUTS[0],
        )
        for each in services.selections(session, pool)
        if each.job.state == DONE
    ]
    lists = folders.lists(settings, pool.name)
    found += [
        Choice(value=f"list:{name}", label=f"{name} (uploaded)", path=lists / f"{name}.npy")
        for name in overlap.names(lists)
    ]
    return found


def other_of(asked: Asked, known: Sequence[Choice]) -> Other | None:
    """Raises SelectionError if it isn't there any more."""
    if not asked.other:
        return None
    for choice in known:
        if choice.value == asked.other:
            return overlap.read_other(choice.path)
    raise SelectionError("This selection isn't there to compare with.", code="list_unknown")


def tell(found: Snapshot, asked: Asked, other: Other | None) -> Told:
    rankings = found.of(asked.standing)
    try:
        drawn = line.find(rankings, asked.cut)
    except SelectionError as error:
        return Told(fault=_for_page(error))
    shared = None
    if other is not None:
        counted = overlap.by_bin(found, asked.standing, other)
        shared = overlap.shared(rankings, counted, other, drawn)
    return Told(line=drawn, shared=shared)


def picture(found: Snapshot, asked: Asked, other: Other | None) -> Drawing | None:
    """None where there is nothing to draw."""
    counted = line.counts(found.of(asked.standing))
    if not counted.any():
        return None
    return draw(counted, None if other is None else overlap.by_bin(found, asked.standing, other))


def script_data(drawing: Drawing, told: Told, asked: Asked) -> str:
    """For the page's script, as JSON."""
    return json.dumps(
        {
            "low": drawing.low,
            "high": drawing.high,
            "counts": drawing.counts,
            "shared": drawing.shared,
            "rule": asked.rule,
            "told": told.as_json,
        },
        separators=(",", ":"),
    )


def band(
    session: Session,
    settings: Settings,
    pool: Pool,
    found: Snapshot,
    asked: Asked,
    drawn: Line,
    which: Band,
    page: int,
) -> list[Sample]:
    """A page of pairs on one side of the line, or across all of them."""
    rankings = found.of(asked.standing)
    if which == "across":
        records = line.across(rankings, page, SIZE)
    else:
        side = line.above if which == "above" else line.below
        records = side(rankings, drawn.threshold, page, SIZE)
    return samples.read(session, settings, pool, found, records)


def bands(
    session: Session, settings: Settings, pool: Pool, found: Snapshot, asked: Asked, drawn: Line
) -> Mapping[Band, list[Sample]]:
    return {which: band(session, settings, pool, found, asked, drawn, which, 0) for which in BANDS}


def command(pool: str, asked: Asked) -> str:
    """What does the same in a terminal."""
    cut = asked.cut
    value = int(cut.value) if cut.rule == "count" else cut.value
    return f"dva select {pool} --{cut.rule} {value} --state {asked.standing} --out FOLDER"


def _for_page(error: SelectionError) -> str:
    """Without the option of a command in it."""
    if error.code == "nothing_scored":
        return "No pair of this kind has a score yet."
    return str(error)
