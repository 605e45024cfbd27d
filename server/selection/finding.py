"""Where a cut of score tables lies, and who is in: two passes, in the memory of a histogram and a
few batches.

The first counts by bin; the second takes whatever isn't below the bin that the threshold lies in,
sorted by uid on the disk, and counts by score within that bin. Who is below the threshold after all
is left out as the sorted ones are read. With strata the first pass sorts all scores on the disk.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from server.errors import SelectionError
from server.selection import uids
from server.selection.asking import Engine
from server.selection.cut import Cut, holder
from server.selection.distinct import without_duplicates
from server.selection.engine import BINS, KEPT
from server.selection.filters import DISTINCT
from server.selection.sorting import Members, Sorter
from server.selection.strata import Names, Places, Stratum, apportion, falling
from server.selection.tables import ScoreTables

MARGIN = 2.0**-20
"""More than rounding can shift a score between bins."""


@dataclass(frozen=True, kw_only=True)
class Fallen:
    """What a filter took out: pairs that failed it, and pairs of which it knew nothing."""

    name: str
    failed: int
    unknown: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """`scored`: pairs with a score; `eligible`: what the filters have left of them. `threshold` has
    the precision of the tables; with strata each has its own, and it is None. `at_threshold`: how
    many tie there, added up over strata."""

    scored: int
    eligible: int
    threshold: float | None
    members: int
    at_threshold: int
    fallen: tuple[Fallen, ...] = ()
    strata: tuple[Stratum, ...] = ()


@dataclass(frozen=True)
class Chosen:
    """What was found, and its members in the order of their uids: to be read once."""

    found: Found
    sorter: Sorter

    def __iter__(self) -> Iterator[Members]:
        threshold = self.found.threshold
        for block in self.sorter:
            kept = block if threshold is None else block[block.score >= threshold]
            if len(kept):
                yield kept


def find(engine: Engine, tables: ScoreTables, cut: Cut, folder: Path) -> Chosen:
    """`folder`: an empty one, for what is sorted; the caller's to remove. Raises SelectionError for
    what can't be read or cut."""
    _ = tables.schema
    if tables.distinct:
        return _distinct(engine, tables, cut, folder)
    if tables.by is not None:
        return _by_stratum(engine, tables, cut, folder)
    binned = tables.bins(engine)
    eligible = binned.rows.total()
    _require_some(eligible, binned.fell)
    place = cut.place(eligible)
    if place is None:
        low = high = float(tables.precision(cut.value)) + 0.0
    else:
        edge = _holder(binned.rows, place)[0] / BINS - 1
        low, high = edge - MARGIN, edge + 1 / BINS + MARGIN
    sorter = Sorter(folder)
    above, near = 0, Counter[Any]()
    for batch in tables.rows(engine, low):
        members = _members(batch.column(0), batch.column(1))
        is_near = members.score <= high
        above += len(members) - int(np.count_nonzero(is_near))
        near.update(_counted(members.score[is_near]))
        sorter.add(members)
    threshold = low if place is None else _holder(near, place - above)[0]
    found = Found(
        scored=eligible + binned.fell.total(),
        eligible=eligible,
        threshold=threshold,
        members=above + sum(count for score, count in near.items() if score >= threshold),
        at_threshold=near[threshold],
        fallen=fallen(tables, binned.fell),
    )
    return Chosen(found, sorter)


def fallen(tables: ScoreTables, fell: Counter[int]) -> tuple[Fallen, ...]:
    return tuple(
        Fallen(name=each["name"], failed=fell[2 * number], unknown=fell[2 * number + 1])
        for number, each in enumerate(tables.filters)
    )


def _distinct(engine: Engine, tables: ScoreTables, cut: Cut, folder: Path) -> Chosen:
    made, binned, doubles = without_duplicates(engine, tables, folder)
    chosen = find(engine, made, cut, folder)
    found = replace(
        chosen.found,
        scored=binned.rows.total() + binned.fell.total(),
        fallen=(*fallen(tables, binned.fell), Fallen(name=DISTINCT, failed=doubles, unknown=0)),
    )
    return replace(chosen, found=found)


def _by_stratum(engine: Engine, tables: ScoreTables, cut: Cut, folder: Path) -> Chosen:
    if cut.rule == "threshold":
        raise SelectionError("A threshold is the same in every stratum.", code="cut_invalid")
    (folder / "all").mkdir()
    (folder / "members").mkdir()
    names, sizes, fell = Names(), Counter[int](), Counter[int]()
    every = Sorter(folder / "all")
    for batch in tables.scores(engine):
        which = batch.column("fell").to_numpy()
        fell.update(_counted(which[which != KEPT]))
        batch = batch.filter(pa.array(which == KEPT))
        score = _plain(batch.column("score"))
        tables.require_scores(int(np.count_nonzero(~(np.abs(score) <= 1))))
        number = names.numbers(batch.column("stratum"))
        sizes.update(_counted(number))
        every.add(Members(number, falling(score), score))
    eligible = sizes.total()
    _require_some(eligible, fell)
    place = cut.place(eligible)
    assert place is not None, "no threshold, so a place"
    order = sorted(names)
    due = apportion(place + 1, [sizes[names[name]] for name in order])
    quotas = {names[name]: quota for name, quota in zip(order, due, strict=True)}
    places = Places([quotas[number] for number in range(len(order))])
    for block in every:
        places.add(block)
    shutil.rmtree(folder / "all")
    sorter = Sorter(folder / "members")
    for batch in tables.rows(engine, float(np.nanmin(places.threshold))):
        members = _members(batch.column("uid"), batch.column("score"))
        least = places.threshold[names.numbers(batch.column("stratum"))]
        sorter.add(members[members.score >= least])
    found = Found(
        scored=eligible + fell.total(),
        eligible=eligible,
        threshold=None,
        members=sum(places.members),
        at_threshold=sum(places.at_threshold),
        fallen=fallen(tables, fell),
        strata=tuple(
            Stratum(
                name=name,
                eligible=sizes[number],
                quota=quotas[number],
                members=places.members[number],
                at_threshold=places.at_threshold[number],
                threshold=float(places.threshold[number]) if quotas[number] else None,
            )
            for name in order
            for number in [names[name]]
        ),
    )
    return Chosen(found, sorter)


def _require_some(eligible: int, fell: Counter[int]) -> None:
    if fell and not eligible:
        raise SelectionError("The filters leave no pair.", code="nothing_eligible")


def _members(uid: pa.Array, score: pa.Array) -> Members:
    return Members(*uids.halves(uid), _plain(score))


def _plain(scores: pa.Array) -> npt.NDArray[np.float64]:
    """Daft has two zeros; here they are one."""
    plain: npt.NDArray[np.float64] = scores.to_numpy(zero_copy_only=False).astype(np.float64)
    return plain + 0.0


def _counted(values: npt.NDArray[Any]) -> dict[Any, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _holder(counts: Counter[Any], place: int) -> tuple[float, int]:
    """The key that holds this place in falling order, and the place among those it stands for."""
    keys = sorted(counts, reverse=True)
    index, before = holder(np.array([counts[key] for key in keys]), place)
    return keys[index], place - before
