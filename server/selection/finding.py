"""Where a cut of score tables lies, and who is in: one pass or two, in the memory of a histogram
and a few batches.

Of two, the first counts by bin, and the second takes whatever isn't below the bin that the
threshold lies in. Where a sample says from which score on to take, the second alone will do: it
sees whether enough was taken, and all that is null or no score, so that the rest can be counted.

What is taken is sorted by uid on the disk and counted by bin, and then by score within the one bin.
Who is below the threshold after all is left out as the sorted ones are read. With strata the first
pass sorts all scores on the disk.
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
from server.selection.guessing import guessed
from server.selection.sorting import Members, Sorter
from server.selection.strata import Names, Places, Stratum, apportion, falling
from server.selection.tables import ScoreTables

MARGIN = 2.0**-20
"""More than rounding can shift a score between bins."""
Scores = npt.NDArray[np.float64]


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


class Taken:
    """All rows from some score on, which isn't above the threshold."""

    def __init__(self, folder: Path) -> None:
        self.sorter = Sorter(folder)
        self._bins = np.zeros(2 * BINS + 1, np.int64)

    def add(self, uid: pa.Array, score: Scores) -> None:
        self.sorter.add(Members(*uids.halves(uid), score))
        self._bins += np.bincount(_bin(score), minlength=len(self._bins))

    def found(self, place: int | None, low: float, *, scored: int, eligible: int) -> Found:
        """`place`: the threshold's among these, falling; None where it is `low`."""
        if place is None:
            bin = int(_bin(np.array([low]))[0])
            above = int(self._bins[bin + 1 :].sum())
        else:
            index, above = holder(self._bins[::-1], place)
            bin = len(self._bins) - 1 - index
        near = Counter[Any]()
        for scores in self.sorter.scores():
            near.update(_counted(scores[_bin(scores) == bin]))
        threshold = low if place is None else _holder(near, place - above)[0]
        return Found(
            scored=scored,
            eligible=eligible,
            threshold=threshold,
            members=above + sum(count for score, count in near.items() if score >= threshold),
            at_threshold=near[threshold],
        )


def find(engine: Engine, tables: ScoreTables, cut: Cut, folder: Path) -> Chosen:
    """`folder`: an empty one, for what is sorted; the caller's to remove. Raises SelectionError for
    what can't be read or cut."""
    _ = tables.schema
    if tables.distinct:
        return _distinct(engine, tables, cut, folder)
    if tables.by is not None:
        return _by_stratum(engine, tables, cut, folder)
    guess = guessed(tables, cut)
    if guess is not None:
        chosen = _at_once(engine, tables, cut, guess, folder / "guess")
        if chosen is not None:
            return chosen
    binned = tables.bins(engine)
    eligible = binned.rows.total()
    _require_some(eligible, binned.fell)
    place = cut.place(eligible)
    if place is None:
        low = float(tables.precision(cut.value)) + 0.0
    else:
        low = _holder(binned.rows, place)[0] / BINS - 1 - MARGIN
    taken = Taken(folder)
    for batch in tables.rows(engine, low):
        taken.add(batch.column(0), _plain(batch.column(1)))
    found = taken.found(place, low, scored=eligible + binned.fell.total(), eligible=eligible)
    return Chosen(replace(found, fallen=fallen(tables, binned.fell)), taken.sorter)


def _at_once(
    engine: Engine, tables: ScoreTables, cut: Cut, low: float, folder: Path
) -> Chosen | None:
    """None where not enough lies from `low` on."""
    folder.mkdir()
    taken = Taken(folder)
    nulls = outside = 0
    for batch in tables.odd_rows(engine, low):
        uid, score = batch.columns
        nulls += score.null_count
        plain = _plain(score)
        # NaN, as which a null comes, isn't inside either.
        inside = np.abs(plain) <= 1
        missing = len(plain) - int(np.count_nonzero(inside))
        outside += missing - score.null_count
        if missing:
            uid, plain = uid.filter(pa.array(inside)), plain[inside]
        taken.add(uid, plain)
    tables.require_scores(outside)
    scored = tables.footers.count - nulls
    place = cut.place(scored)
    if place is not None and len(taken.sorter) <= place:
        shutil.rmtree(folder)
        return None
    return Chosen(taken.found(place, low, scored=scored, eligible=scored), taken.sorter)


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


def _plain(scores: pa.Array) -> Scores:
    """Daft has two zeros; here they are one."""
    plain: Scores = scores.to_numpy(zero_copy_only=False).astype(np.float64)
    return plain + 0.0


def _bin(scores: Scores) -> npt.NDArray[np.int64]:
    """Of scores in [-1, 1]. Rounding keeps the order: what is above in bin is above in score."""
    return ((scores + 1.0) * BINS).astype(np.int64)


def _counted(values: npt.NDArray[Any]) -> dict[Any, int]:
    found, counts = np.unique(values, return_counts=True)
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _holder(counts: Counter[Any], place: int) -> tuple[float, int]:
    """The key that holds this place in falling order, and the place among those it stands for."""
    keys = sorted(counts, reverse=True)
    index, before = holder(np.array([counts[key] for key in keys]), place)
    return keys[index], place - before
