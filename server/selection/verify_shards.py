"""`dva verify-selection --shards`: new shards held against the selection that they were made of."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from server.errors import SelectionError, ShardError
from server.pools.tar import MAX_TEXT, RECORD, members
from server.selection import certificate, shards, uids
from server.selection.outputs import NPY
from server.selection.shards import ShardPart
from server.selection.verify import require_same


def verify_shards(folder: Path, out: Path) -> int:
    """That each of them is whole and has the pairs that it lists, and all members are in one of
    them, but for so many that were withheld; gives their pairs. Raises SelectionError for the first
    thing that is otherwise."""
    claim, listed = certificate.decode(folder), shards.read_shards(out)
    if listed.certificate != claim.digest:
        raise _differs("These shards were made of another selection.")
    if not listed.complete:
        raise _differs("Not all shards of this selection were written.")
    found = [_pairs(out, each) for each in listed.shards]
    written = np.concatenate([np.empty(0, uids.LAYOUT), *found])
    written.sort()
    wanted = np.load(folder / NPY, mmap_mode="r", allow_pickle=False)
    if len(written) + listed.withheld != len(wanted):
        raise _differs("The shards have another number of pairs than there are members.")
    if not _is_part(written, wanted):
        raise _differs("The shards have pairs that are no members.")
    return len(written)


def _pairs(out: Path, part: ShardPart) -> npt.NDArray[np.void]:
    for file in (part.tar, part.content):
        require_same(out / file.name, file)
    content = pq.read_table(out / part.content.name, columns=["key", "uid"])
    keys = dict(zip(content["key"].to_pylist(), content["uid"].to_pylist(), strict=True))
    if len(keys) != part.pairs or dict.fromkeys(_keys(out / part.tar.name, keys)) != dict.fromkeys(
        keys
    ):
        raise _differs(f"{part.tar.name} doesn't have the pairs that it says.")
    return uids.joined(*uids.halves(content["uid"].combine_chunks()))


def _keys(path: Path, expected: dict[str, str]) -> Iterator[str]:
    """The keys of its members."""
    with path.open("rb") as file:
        try:
            for member in members(file):
                key, _, extension = member.name.partition(".")
                if not member.isreg() or (extension == RECORD and member.size > MAX_TEXT):
                    raise _differs(f"{path.name} has a member that none of ours would have.")
                if extension == RECORD:
                    said = _uid(os.pread(file.fileno(), member.size, member.offset_data))
                    if said is not None and said != expected.get(key):
                        raise _differs(f"{path.name} has another pair as {key}.")
                yield key
        except ShardError as error:
            raise _differs(f"{path.name}: {error}") from error


def _uid(record: bytes) -> object:
    """What it calls itself, if it does."""
    try:
        found = json.loads(record)
    except (ValueError, RecursionError):
        return None
    return found.get("uid") if isinstance(found, dict) else None


def _is_part(some: npt.NDArray[np.void], whole: npt.NDArray[np.void]) -> bool:
    """Whether all of these sorted uids are in the other ones, as often."""
    names, counts = np.unique(some, return_counts=True)
    known, often = np.unique(whole, return_counts=True)
    if not len(names):
        return True
    place = np.minimum(np.searchsorted(known, names), len(known) - 1)
    return bool((known[place] == names).all() and (often[place] >= counts).all())


def _differs(sentence: str) -> SelectionError:
    return SelectionError(sentence, code="shards_differ")
