"""How much a cut shares with another selection: counted by bin once for each snapshot, so that it
is known at once wherever the line is drawn; in the line's own bin, by uid.

Lists that were uploaded lie in data/workbench/POOL/lists/NAME.npy, in DataComp's layout.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from server.errors import SelectionError
from server.results.services import Standing
from server.selection import uids
from server.selection.compare import read_listed
from server.workbench.line import Line
from server.workbench.ranking import BINS, Counts, Ranking, Records, bins_of
from server.workbench.snapshot import Snapshot

LIST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}")
Words = npt.NDArray[np.uint64]
Found = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Other:
    """Another selection: sorted uids, each once, read through the page cache."""

    path: Path
    listed: npt.NDArray[np.void]

    def __len__(self) -> int:
        return len(self.listed)

    @property
    def key(self) -> str:
        """Another for another file."""
        found = self.path.stat()
        text = f"{self.path}\0{found.st_size}\0{found.st_mtime_ns}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True, kw_only=True)
class Shared:
    """`scored`: how many of the other one have a score here; `members`: how many of those are at or
    above the line."""

    other: int
    scored: int
    members: int
    share_of_cut: float | None
    share_of_other: float | None
    jaccard: float | None


def read_other(path: Path) -> Other:
    """Raises SelectionError for a file that isn't in DataComp's layout."""
    try:
        listed = np.load(path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        # Nothing can't be mapped.
        listed = np.load(path, allow_pickle=False)
    except OSError as error:
        raise SelectionError("This list isn't there any more.", code="list_unknown") from error
    if listed.dtype != uids.LAYOUT or listed.ndim != 1:
        raise SelectionError("This isn't a list in DataComp's layout.", code="uids_invalid")
    return Other(path, listed)


def keep_list(sent: Path, folder: Path, name: str) -> int:
    """Keeps an uploaded list, sorted, each uid once; how many. Raises SelectionError for a name
    that is taken or none, and for what is no list."""
    if not LIST_NAME.fullmatch(name):
        raise SelectionError(
            "A list's name is up to 60 letters, digits, dots, dashes and underscores.",
            code="name_invalid",
        )
    path = folder / f"{name}.npy"
    if path.exists():
        raise SelectionError(f"There is a list {name} already.", code="name_taken")
    listed = read_listed(sent)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    with partial.open("wb") as file:
        np.save(file, uids.joined(listed.high, listed.low))
    partial.replace(path)
    return len(listed)


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.npy") if LIST_NAME.fullmatch(path.stem))


def by_bin(snapshot: Snapshot, standing: Standing, other: Other) -> Counts:
    """[BINS]: how many of the other selection score there. Kept in the snapshot's folder."""
    total = np.zeros(BINS, np.int64)
    for state, ranking in snapshot.by_state.items():
        if standing in ("all", state):
            total += _counted(snapshot.folder / f"{state}.{other.key}.npy", ranking, other)
    return total


def shared(rankings: Sequence[Ranking], counted: Counts, other: Other, line: Line) -> Shared:
    threshold = np.float32(line.threshold)
    bin = int(bins_of(np.array([threshold]))[0])
    members = int(counted[bin + 1 :].sum())
    for ranking in rankings:
        inside = ranking.in_bin(bin)
        members += int(contains(other, inside[inside["score"] >= threshold]).sum())
    either = line.members + len(other) - members
    return Shared(
        other=len(other),
        scored=int(counted.sum()),
        members=members,
        share_of_cut=members / line.members if line.members else None,
        share_of_other=members / len(other) if len(other) else None,
        jaccard=members / either if either else None,
    )


def contains(other: Other, records: Records) -> Found:
    """[n]: which of these pairs are in it."""
    found = np.zeros(len(records), np.bool_)
    if not len(other) or not len(records):
        return found
    high, low = other.listed["f0"], other.listed["f1"]
    place = np.searchsorted(high, records["high"], side="left")
    going = np.arange(len(records))
    while len(going):
        # Few uids share their upper half, but some may: on through those that do.
        going = going[place[going] < len(other)]
        going = going[high[place[going]] == records["high"][going]]
        found[going[low[place[going]] == records["low"][going]]] = True
        going = going[~found[going]]
        place[going] += 1
    return found


def _counted(path: Path, ranking: Ranking, other: Other) -> Counts:
    if path.is_file():
        kept: Counts = np.load(path, allow_pickle=False)
        return kept
    counted = np.zeros(BINS, np.int64)
    for block in ranking.blocks():
        within = block["score"][contains(other, block)]
        counted += np.bincount(bins_of(within), minlength=BINS)
    # Whoever counts it at the same time writes the same.
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
    with partial.open("wb") as file:
        np.save(file, counted)
    partial.replace(path)
    return counted
