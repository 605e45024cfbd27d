"""What the page of a pool's workbench shows, put together for the templates."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from sqlalchemy.orm import Session

from server.config import Settings
from server.errors import SelectionError
from server.pools.services import Pool
from server.selection.strata import Stratum
from server.workbench import (
    counting,
    filters,
    folders,
    line,
    others,
    overlap,
    parts,
    samples,
    services,
    snapshot,
)
from server.workbench.asked import Asked
from server.workbench.counting import Waits
from server.workbench.drawing import Drawing, draw
from server.workbench.line import Line
from server.workbench.others import Choice, Other
from server.workbench.overlap import Shared
from server.workbench.parts import Division
from server.workbench.ranking import Records
from server.workbench.samples import Sample
from server.workbench.services import DONE, SNAPSHOT
from server.workbench.snapshot import Snapshot
from server.workbench.view import View, view_of

SIZE = 12
STRATA = 10
Band = Literal["above", "below", "across"]
BANDS: tuple[Band, ...] = ("above", "below", "across")
OUTPUTS = ("members.npy", "members.parquet", "certificate.json")


@dataclass(frozen=True, kw_only=True)
class Told:
    """Of a line. `fault`: why there is none."""

    line: Line | None = None
    shared: Shared | None = None
    division: Division | None = None
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


def current(session: Session, settings: Settings, pool: Pool) -> Snapshot | None:
    """The latest that is whole. Raises SelectionError if it can't be read."""
    job = services.latest(session, pool, SNAPSHOT, DONE)
    if job is None:
        return None
    return snapshot.read(folders.snapshot(settings, pool.name, job.id))


def other_of(asked: Asked, known: Sequence[Choice]) -> Other | None:
    """Raises SelectionError if it isn't there any more."""
    return others.read(others.chosen(asked.other, known)) if asked.other else None


def tell(view: View, asked: Asked, other: Other | None) -> Told:
    """What the other selection shares isn't told unless it has been counted, or soon is."""
    if not len(view) and view.scored:
        return Told(fault="The filters leave no pair.")
    try:
        division = None if view.parts is None else parts.divide(view.parts, asked.cut)
        drawn = line.find(view.rankings, asked.cut) if division is None else division.line
    except SelectionError as error:
        return Told(fault=_for_page(error))
    shared = None
    if other is not None and is_known(view, other):
        shared = overlap.shared(view, other, drawn, division)
    return Told(line=drawn, shared=shared, division=division)


def is_known(view: View, other: Other) -> bool:
    """What they share; counted now if that takes no time."""
    if not overlap.is_counted(view, other):
        if not overlap.is_small(view, other):
            return False
        overlap.count(view, other)
    return True


@dataclass(frozen=True, kw_only=True)
class Looked:
    """`view` is None where it has to be counted first; `waits`: what has to be."""

    view: View | None = None
    told: Told
    drawing: Drawing | None = None
    waits: Waits | None = None


def look(found: Snapshot, asked: Asked, known: Sequence[Choice]) -> Looked:
    try:
        waits = counting.waits(found, asked, known)
        view = view_of(found, asked, known)
        if view is None:
            return Looked(told=Told(), waits=waits)
        other = other_of(asked, known)
        told = tell(view, asked, other)
        return Looked(view=view, told=told, drawing=picture(view, told, other), waits=waits)
    except SelectionError as error:
        return Looked(told=Told(fault=str(error)))


def picture(view: View, told: Told, other: Other | None) -> Drawing | None:
    """None where there is nothing to draw."""
    counted = line.counts(view.rankings)
    if not counted.any():
        return None
    if told.division is not None:
        return draw(counted, None, told.division.counts())
    if other is None or not is_known(view, other):
        return draw(counted, None)
    return draw(counted, overlap.by_bin(view, other))


def strata(division: Division) -> list[Stratum]:
    """The largest."""
    largest = np.argsort(-division.parts.sizes, kind="stable")[:STRATA]
    return [
        Stratum(
            name=division.parts.names[number],
            eligible=int(division.parts.sizes[number]),
            quota=int(division.quotas[number]),
            members=int(division.members[number]),
            at_threshold=int(division.ties[number]),
            threshold=float(division.thresholds[number]) if division.quotas[number] else None,
        )
        for number in largest.tolist()
    ]


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


def records_of(view: View, told: Told, which: Band, page: int) -> Records:
    """A page of pairs on one side of the line, or across all of them. There is a line."""
    drawn, division = told.line, told.division
    assert drawn is not None
    if division is not None:
        if which == "across":
            return parts.across(division.parts, page, SIZE)
        return parts.near(division, page, SIZE, which)
    if which == "across":
        return line.across(view.rankings, page, SIZE)
    assert drawn.threshold is not None, "without strata"
    side = line.above if which == "above" else line.below
    return side(view.rankings, drawn.threshold, page, SIZE)


def band(
    session: Session,
    settings: Settings,
    pool: Pool,
    view: View,
    told: Told,
    which: Band,
    page: int,
) -> list[Sample]:
    """What can be seen of `records_of`."""
    records = view.placed(records_of(view, told, which, page))
    return samples.read(session, settings, pool, view.snapshot, records)


def bands(
    session: Session, settings: Settings, pool: Pool, view: View, told: Told
) -> Mapping[Band, list[Sample]]:
    return {which: band(session, settings, pool, view, told, which, 0) for which in BANDS}


def command(pool: str, asked: Asked, known: Sequence[Choice]) -> str:
    """What does the same in a terminal. Raises SelectionError."""
    cut = asked.cut
    value = int(cut.value) if cut.rule == "count" else cut.value
    words = ["dva", "select", pool, f"--{cut.rule}", f"{value}", "--state", asked.standing]
    return shlex.join([*words, *filters.options(asked.left_out, known), "--out", "FOLDER"])


def _for_page(error: SelectionError) -> str:
    """Without the option of a command in it."""
    if error.code == "nothing_scored":
        return "No pair of this kind has a score yet."
    return str(error)
