"""What the filters of a cut leave of a snapshot's pairs: ranked, like the snapshot's own.

    snapshots/ID/eligible/KEY/
      eligible.rank, .npy    see `ranking`; `shard` is the number of the pair's stratum
      parts.rank, .npy       see `parts`, where the cut is made within strata
      eligible.json          Facts; written last

The filters are those of `server.selection`, asked by its engine, so there is no second rule. Where
a pair lies isn't asked again: the snapshot has it, at the same score.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pyarrow as pa

from server.errors import SelectionError
from server.results.standing import Standing
from server.selection import uids
from server.selection.asking import Engine, asking
from server.selection.cutting import Per, with_lists
from server.selection.distinct import without_duplicates
from server.selection.filters import DISTINCT, Filters
from server.selection.finding import Fallen, fallen
from server.selection.listing import read_list
from server.selection.strata import Names
from server.selection.tables import Binned, ScoreTables
from server.workbench import filters
from server.workbench.others import Choice, chosen
from server.workbench.parts import Parts
from server.workbench.parts import write as write_parts
from server.workbench.ranking import RECORD, Ranking, Records, Writer, bins_of
from server.workbench.snapshot import Snapshot

FOLDER, NAME = "eligible", "eligible.json"
RANKING, PARTS = "eligible", "parts"
AT_A_TIME = 64
"""Questions that a snapshot's tables are divided among: how far it is can be told after each."""
KEPT = 4
"""Of a snapshot."""
OPEN = 16
Progress = Callable[[int, int], None]


class Facts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`scored`: pairs of the standing; `fallen`: those that each filter took out. `strata`: names,
    in order; None for a cut of the whole."""

    format: Literal["dva eligible 1"] = "dva eligible 1"
    scored: int
    fallen: tuple[Fallen, ...]
    strata: list[str] | None


@dataclass(frozen=True, kw_only=True)
class Eligible:
    facts: Facts
    ranking: Ranking
    parts: Parts | None


@dataclass(frozen=True, kw_only=True)
class Sieve:
    """What is asked of each pair. `lists`: what the filters allow or deny by, in order."""

    standing: Standing
    filters: Filters
    per: Per | None
    words: Mapping[str, str]
    lists: tuple[Choice, ...]

    @classmethod
    def of(cls, standing: Standing, words: Mapping[str, str], known: Sequence[Choice]) -> Sieve:
        """`words`: see `filters`. Raises SelectionError where a list isn't there any more."""
        return cls(
            standing=standing,
            filters=filters.made(words, known),
            per=filters.per(words),
            words=words,
            lists=tuple(chosen(words[name], known) for name in filters.LISTS if name in words),
        )

    @property
    def key(self) -> str:
        """Another for other words, and for another file of the same name."""
        text = json.dumps([self.standing, sorted(self.words.items()), [x.key for x in self.lists]])
        return hashlib.sha256(text.encode()).hexdigest()[:24]


def sift(snapshot: Snapshot, sieve: Sieve, progress: Progress) -> None:
    """Writes the folder, whole or not at all. Raises SelectionError. `progress(done, total)` counts
    questions; what it raises ends it."""
    out = place(snapshot, sieve)
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    scratch = partial / "scratch"
    scratch.mkdir(parents=True)
    writer = Writer(partial, RANKING)
    try:
        tables = _tables(snapshot, sieve, scratch, progress)
        with asking() as engine:
            facts, names = _deal(engine, tables, scratch, writer)
        writer.finish(tables.again)
        if names is not None:
            ranking = Ranking.read(partial, RANKING)
            write_parts(partial, PARTS, ranking, names, tables.again)
        shutil.rmtree(scratch)
        with (partial / NAME).open("wb") as file:
            file.write(msgspec.json.encode(facts))
            file.flush()
            os.fsync(file.fileno())
        # Whoever counted the same in the meantime wrote the same.
        shutil.rmtree(out, ignore_errors=True)
        partial.rename(out)
    finally:
        writer.close()
        shutil.rmtree(partial, ignore_errors=True)
    _forget(out)


def find(snapshot: Snapshot, sieve: Sieve) -> tuple[Path, Eligible] | None:
    """And where it lies; None if it hasn't been counted. Raises SelectionError where a list isn't
    there any more."""
    folder = place(snapshot, sieve)
    return (folder, _read(folder)) if (folder / NAME).is_file() else None


def place(snapshot: Snapshot, sieve: Sieve) -> Path:
    return snapshot.folder / FOLDER / sieve.key


def placed(rankings: Sequence[Ranking], records: Records) -> Records:
    """The same pairs as the snapshot has them, with shard and unit."""
    found = np.zeros(len(records), RECORD)
    for number, record in enumerate(records):
        [bin] = bins_of(np.array([record["score"]]))
        for ranking in rankings:
            inside = ranking.in_bin(int(bin))
            same = (inside["high"] == record["high"]) & (inside["low"] == record["low"])
            hits = np.flatnonzero(same & (inside["score"] == record["score"]))
            if len(hits):
                found[number] = inside[hits[0]]
                break
    return found


@dataclass(frozen=True, kw_only=True)
class Watched(ScoreTables):
    """Asked a few files at a time, so that somebody can be told how far it is."""

    progress: Progress
    asked: Counter[str]

    def bins(self, engine: Engine) -> Binned:
        found = Binned(Counter(), Counter())
        for part in self._parts():
            binned = part.bins(engine)
            found.rows.update(binned.rows)
            found.fell.update(binned.fell)
        return found

    def rows(self, engine: Engine, low: float | None) -> Iterator[pa.RecordBatch]:
        for part in self._parts():
            yield from part.rows(engine, low)

    def again(self) -> None:
        """All along: a job that says nothing for a minute is given up."""
        self.progress(self.asked["parts"], 2 * self._number)

    @property
    def _number(self) -> int:
        return min(len(self.files), AT_A_TIME)

    def _parts(self) -> Iterator[ScoreTables]:
        _ = self.schema
        given = {each.name: getattr(self, each.name) for each in fields(ScoreTables)}
        edges = np.linspace(0, len(self.files), self._number + 1).astype(int).tolist()
        for first, last in pairwise(edges):
            self.again()
            yield ScoreTables(**{**given, "files": self.files[first:last]})
            self.asked["parts"] += 1


def _tables(snapshot: Snapshot, sieve: Sieve, scratch: Path, progress: Progress) -> Watched:
    listed = scratch / "lists"
    listed.mkdir()
    for each in sieve.filters:
        if each["file"] is not None:
            np.save(listed / f"{each['name']}.npy", read_list(Path(each["file"])))
    halves = scratch / "halves"
    halves.mkdir()
    return Watched(
        files=snapshot.tables,
        state=sieve.standing,
        filters=tuple(with_lists(sieve.filters, listed, halves)),
        distinct=sieve.filters.distinct,
        by=sieve.per,
        progress=progress,
        asked=Counter(),
    )


def _deal(
    engine: Engine, tables: Watched, scratch: Path, writer: Writer
) -> tuple[Facts, list[str] | None]:
    """What is left into the writer, and the strata as they are numbered there."""
    extra: tuple[Fallen, ...] = ()
    if tables.distinct:
        left, binned, doubles = without_duplicates(engine, tables, scratch, tables.again)
        extra = (Fallen(name=DISTINCT, failed=doubles, unknown=0),)
    else:
        left, binned = tables, tables.bins(engine)
    names = Names() if tables.by else None
    for batch in left.rows(engine, None):
        tables.again()
        records = np.zeros(len(batch), RECORD)
        records["score"] = batch.column("score").to_numpy(zero_copy_only=False)
        records["high"], records["low"] = uids.halves(batch.column("uid"))
        if names is not None:
            records["shard"] = names.numbers(batch.column("stratum"))
        writer.add(records)
    facts = Facts(
        scored=binned.rows.total() + binned.fell.total(),
        fallen=(*fallen(tables, binned.fell), *extra),
        strata=None if names is None else sorted(names),
    )
    return facts, None if names is None else list(names)


@lru_cache(maxsize=OPEN)
def _read(folder: Path) -> Eligible:
    """Nothing changes in it, so it's opened once. Raises SelectionError."""
    try:
        facts = msgspec.json.decode((folder / NAME).read_bytes(), type=Facts)
        ranking = Ranking.read(folder, RANKING)
        parts = None
        if facts.strata is not None:
            parts = Parts.read(folder, PARTS, facts.strata)
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SelectionError(
            "What the filters leave can't be read.",
            code="snapshot_unreadable",
            next_step="Read the scores again.",
        ) from error
    return Eligible(facts=facts, ranking=ranking, parts=parts)


def _forget(newest: Path) -> None:
    """All but the last few: each is as large as what is left."""
    others = [path for path in newest.parent.iterdir() if path != newest]
    by_age = sorted(others, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in by_age[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
