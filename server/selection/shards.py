"""New WebDataset shards of a selection's members: `NNNNN.tar`, as many pairs to each, and beside it
`NNNNN.parquet`, which says what is in it; `shards.json` lists them.

    KEY.jpg|png|..., KEY.txt, KEY.json   byte for byte what the pool's shard has; KEY is the new
                                         shard's number and the place in it, five digits each
    KEY.dva.json                         only if asked for: {"score": ...}

Members come in the order of the pool's shards by name, and in each as they lie there. The same
selection makes the same tars, byte for byte, unless a pair was withheld meanwhile: those are left
out, and counted.

A shard takes its name when it is on the disk, and is then listed with where to go on; so whoever
repeats a command that was broken off goes on after the last one listed.
"""

from __future__ import annotations

import errno
import io
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from server.config import Settings
from server.db import Database
from server.durable import put
from server.errors import SelectionError
from server.pools import services as pools
from server.pools.raw import RawPair, read_pair
from server.pools.services import Shard
from server.pools.tar import CAPTION, RECORD
from server.reports import services as reports
from server.selection import certificate, uids
from server.selection.certificate import Part
from server.selection.cutting import SCORES
from server.selection.outputs import NPY, PARQUET, facts

NAME = "shards.json"
SCORE = "dva.json"
MAX_PAIRS = 100_000
"""Five digits."""
CONTENT = pa.schema(
    [
        pa.field("key", pa.string()),
        pa.field("uid", pa.string()),
        pa.field("score", pa.float32()),
        pa.field("shard", pa.string()),
        pa.field("shard_key", pa.string()),
    ]
)
Progress = Callable[[int, int], None]


class Place(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The pool's shard, and how many of the members in it are done; `withheld`: how many were left
    out until there."""

    shard: str
    members: int
    withheld: int = 0


class ShardPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    tar: Part
    content: Part
    pairs: int
    end: Place


class Shards(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`certificate`: the digest of the selection's. `withheld`: members that were left out, once
    it is complete."""

    format: Literal["dva shards 1"] = "dva shards 1"
    certificate: str
    shard_pairs: int
    with_scores: bool
    shards: list[ShardPart]
    withheld: int = 0
    complete: bool = False

    @property
    def pairs(self) -> int:
        return sum(each.pairs for each in self.shards)


@dataclass(frozen=True, kw_only=True)
class Member:
    """`end`: where to go on after it."""

    uid: str
    score: float
    raw: RawPair
    end: Place


def write_shards(
    database: Database,
    settings: Settings,
    *,
    folder: Path,
    out: Path,
    shard_pairs: int,
    with_scores: bool,
    progress: Progress,
) -> Shards:
    """`folder`: a selection that was cut from a pool of this data folder. Goes on where `out` was
    left. Raises SelectionError, PoolError, ShardError, ShardUnavailable."""
    if not 1 <= shard_pairs <= MAX_PAIRS:
        raise SelectionError(f"A shard has 1 to {MAX_PAIRS:,} pairs.", code="shard_pairs_invalid")
    claim = certificate.decode(folder)
    if not (folder / SCORES).is_dir():
        raise SelectionError(
            "Shards are made of a selection that was cut from a pool.",
            code="pool_unknown",
            next_step="DataComp's resharder.py takes members.npy where there is no pool.",
        )
    wanted = Shards(
        certificate=claim.digest, shard_pairs=shard_pairs, with_scores=with_scores, shards=[]
    )
    try:
        out.mkdir(parents=True, exist_ok=True)
        done = _begun(out, wanted)
        members = _Members(folder, database, settings, claim.pool, done)
        total = claim.counts.members
        progress(done.pairs, total)
        if not done.complete:
            for written in _written(out, done, _shown(members, done.pairs, total, progress)):
                done = written
            done = msgspec.structs.replace(done, withheld=members.withheld, complete=True)
            if done.pairs + done.withheld != total:
                raise SelectionError(
                    f"The pool has {done.pairs + done.withheld:,} of {total:,} members.",
                    code="members_missing",
                )
            _save(out, done)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SelectionError(
            f"The disk of {out} is full.",
            code="disk_full",
            next_step=f"Make room, then go on: dva shards {folder} {out}",
        ) from error
    return done


def read_shards(out: Path) -> Shards:
    """What `out` says that is in it. Raises SelectionError, also where a file would lie elsewhere:
    whoever is sent such a folder may be sent any."""
    try:
        found = msgspec.json.decode((out / NAME).read_bytes(), type=Shards)
    except FileNotFoundError as error:
        raise SelectionError(f"There is no {out / NAME}.", code="shards_missing") from error
    except msgspec.MsgspecError as error:
        raise SelectionError(
            f"{out / NAME} can't be read: {error}", code="shards_invalid"
        ) from error
    for part in found.shards:
        for file in (part.tar, part.content):
            if Path(file.name).name != file.name:
                raise SelectionError(
                    f"{out / NAME} names a file outside of its folder.", code="shards_invalid"
                )
    return found


def _begun(out: Path, wanted: Shards) -> Shards:
    """What was written before, if it was the same that is wanted."""
    if not (out / NAME).exists():
        if any(out.iterdir()):
            raise SelectionError(
                f"{out} has something else in it.",
                code="folder_exists",
                next_step="Name a new folder.",
            )
        _save(out, wanted)
        return wanted
    found = read_shards(out)
    same = ("certificate", "shard_pairs", "with_scores")
    if any(getattr(found, name) != getattr(wanted, name) for name in same):
        raise SelectionError(
            f"{out} has shards of another selection, or of another kind.",
            code="shards_differ",
            next_step="Repeat the command with the options that it was begun with.",
        )
    for each in found.shards:
        for file in (each.tar, each.content):
            path = out / file.name
            if not path.is_file() or path.stat().st_size != file.bytes:
                raise SelectionError(f"{path} isn't as it was written.", code="shards_differ")
    return found


class _Members:
    """Those of a selection, in order, after what is `done`."""

    def __init__(
        self, folder: Path, database: Database, settings: Settings, pool: str, done: Shards
    ) -> None:
        self._scores = folder / SCORES
        self._database, self._settings, self._pool = database, settings, pool
        self._listed = _Listed(folder)
        self._after = done.shards[-1].end if done.shards else Place(shard="", members=0)
        self.withheld = self._after.withheld

    def __iter__(self) -> Iterator[Member]:
        with self._database.read() as session:
            shards = pools.shards_of(session, pools.get_pool(session, self._pool))
        for shard in shards:
            # Those that were written before are counted too, for uids that are there twice.
            rows = self._listed.take(self._scores / f"{shard.name}.parquet")
            if rows and shard.name >= self._after.shard:
                start = self._after.members if shard.name == self._after.shard else 0
                yield from self._of_shard(shard, rows, start)

    def _of_shard(self, shard: Shard, rows: dict[str, float], start: int) -> Iterator[Member]:
        pairs = list(pools.shard_pairs(self._settings, shard))
        hidden = self._hidden(shard)
        own = [number for number, pair in enumerate(pairs) if pair.uid in rows]
        with pools.checked_path(shard).open("rb") as file:
            for number, place in enumerate(own[start:], start=start + 1):
                uid = pairs[place].uid
                if uid in hidden:
                    self.withheld += 1
                    continue
                yield Member(
                    uid=uid,
                    score=rows[uid],
                    raw=read_pair(file.fileno(), pairs, place),
                    end=Place(shard=shard.name, members=number, withheld=self.withheld),
                )

    def _hidden(self, shard: Shard) -> set[str]:
        """Withheld by now."""
        with self._database.read() as session:
            found = reports.withheld_of_shard(session, shard)
            units = {unit: pools.get_unit(session, unit) for unit in found}
            return {
                pair.uid
                for unit, positions in found.items()
                for place, pair in enumerate(pools.unit_pairs(self._settings, units[unit]))
                if place in positions
            }


class _Listed:
    """The members as the selection lists them, each to be taken once."""

    def __init__(self, folder: Path) -> None:
        listed = np.load(folder / NPY, mmap_mode="r", allow_pickle=False)
        self._high, self._low = (np.ascontiguousarray(listed[name]) for name in ("f0", "f1"))
        self._score = pq.read_table(folder / PARQUET, columns=["score"])["score"].to_numpy()
        self._left = np.ones(len(listed), np.bool_)

    def take(self, table: Path) -> dict[str, float]:
        """The rows of this score table that are members."""
        if not table.is_file():
            return {}
        rows = pq.read_table(table, columns=["uid", "score"])
        rows = rows.filter(rows["score"].is_valid()).combine_chunks()
        high, low = uids.halves(rows["uid"].combine_chunks())
        score = rows["score"].to_numpy()
        first = np.searchsorted(self._high, high, "left")
        last = np.searchsorted(self._high, high, "right")
        taken = {}
        for row in np.flatnonzero(last > first):
            for place in range(first[row], last[row]):
                same = self._low[place] == low[row] and self._score[place] == score[row]
                if same and self._left[place]:
                    self._left[place] = False
                    taken[rows["uid"][row].as_py()] = float(score[row])
                    break
        return taken


def _shown(
    members: Iterable[Member], done: int, total: int, progress: Progress
) -> Iterator[Member]:
    for number, member in enumerate(members, start=done + 1):
        yield member
        progress(number, total)


def _written(out: Path, done: Shards, members: Iterable[Member]) -> Iterator[Shards]:
    """What is written so far, after each new shard."""
    waiting = iter(members)
    while first := next(waiting, None):
        part = _write(out, len(done.shards), done, chain([first], waiting))
        done = msgspec.structs.replace(done, shards=[*done.shards, part])
        _save(out, done)
        yield done


def _write(out: Path, number: int, done: Shards, members: Iterable[Member]) -> ShardPart:
    name = f"{number:05d}"
    paths = [out / f"{name}.tar", out / f"{name}.parquet"]
    partial = [path.with_name(f".{path.name}.partial") for path in paths]
    rows = []
    end = None
    try:
        with partial[0].open("wb") as file, tarfile.open(fileobj=file, mode="w") as tar:
            for place, member in enumerate(islice(members, done.shard_pairs)):
                key = f"{name}{place:05d}"
                _add(tar, key, member, done.with_scores)
                rows.append(_row(key, member))
                end = member.end
        assert end is not None, "there is a first one"
        pq.write_table(pa.Table.from_pylist(rows, schema=CONTENT), partial[1])
        for path, written in zip(paths, partial, strict=True):
            put(written, path)
    finally:
        for written in partial:
            written.unlink(missing_ok=True)
    tar_part, content = (Part(**asdict(facts(path))) for path in paths)
    return ShardPart(tar=tar_part, content=content, pairs=len(rows), end=end)


def _row(key: str, member: Member) -> dict[str, Any]:
    return {
        "key": key,
        "uid": member.uid,
        "score": member.score,
        "shard": member.end.shard,
        "shard_key": member.raw.key,
    }


def _add(tar: tarfile.TarFile, key: str, member: Member, with_scores: bool) -> None:
    raw = member.raw
    files = [(raw.extension, raw.image), (CAPTION, raw.caption), (RECORD, raw.record)]
    if with_scores:
        files.append((SCORE, msgspec.json.encode({"score": member.score})))
    for extension, data in files:
        if data is not None:
            # Without owner and time, so that the same pairs make the same bytes.
            info = tarfile.TarInfo(f"{key}.{extension}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _save(out: Path, done: Shards) -> None:
    partial = out / f".{NAME}.partial"
    partial.write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=1) + b"\n")
    put(partial, out / NAME)
