"""One shard, read from its first pair to its last: which pairs are taken in, the units that they
make, their rows in the index, and what was found wrong on the way."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from dva_agent import images
from dva_agent.protocol import PairRef, PairStatus, Span

from server.errors import ShardError
from server.pools import tar
from server.pools.filters import UID, Denial, Filters, sha256_of
from server.pools.findings import Findings
from server.pools.index import IndexWriter
from server.pools.metadata import PairMetadata, metadata_of
from server.pools.models import Unit

MAX_UNIT_BYTES = 256 << 20


class Spanned(Protocol):
    """Bytes [start, end) of the tar, under one key."""

    @property
    def key(self) -> str: ...
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


Pair = TypeVar("Pair", bound=Spanned)


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A pair that is taken in."""

    key: str
    start: int
    end: int
    ref: PairRef
    metadata: PairMetadata


@dataclass(kw_only=True)
class Survey:
    """`hosts`: of the uids, in the same order."""

    units: list[Unit] = field(default_factory=list)
    findings: Findings = field(default_factory=Findings)
    uids: list[str] = field(default_factory=list)
    hosts: list[str | None] = field(default_factory=list)


def survey(path: Path, pool: str, index: IndexWriter, size: int, filters: Filters) -> Survey:
    """Writes the index of the tar at `path` and makes its units, of `size` pairs each. What is
    kept out is in neither. Raises ShardError."""
    found = Survey()
    seen: set[str] = set()
    first = 0
    with path.open("rb") as file:
        looks = _Looks(file.fileno(), pool, path.stem, filters, found.findings)
        for number, unit in enumerate(cut_units(looks.taken(tar.read_pairs(path)), size)):
            for pair in unit:
                if pair.ref.uid in seen:
                    raise ShardError(f"The uid {pair.ref.uid} appears twice.", code="uid_duplicate")
                seen.add(pair.ref.uid)
                found.uids.append(pair.ref.uid)
                found.hosts.append(pair.metadata.url_host)
            index.add_unit([pair.ref for pair in unit], [pair.metadata for pair in unit])
            start = unit[0].start
            found.units.append(
                Unit(
                    number=number,
                    first_pair=first,
                    pairs=len(unit),
                    span_start=start,
                    span_size=unit[-1].end - start,
                )
            )
            first += len(unit)
        looks.settle()
    if not first:
        denied = found.findings.kinds.total()
        why = f"All {denied} pairs of the tar are denied." if denied else "The tar holds no pairs."
        raise ShardError(why, code="shard_empty")
    return found


def survey_again(
    path: Path, pool: str, index: IndexWriter, units: Sequence[Unit], max_nsfw: float | None
) -> list[str]:
    """Writes the index of the tar at `path` as these `units` of it were made, and gives their uids.
    What was on a list then, or taken down, lies outside of all units; only what was too unsafe has
    to be told again. Raises ShardError."""
    uids: list[str] = []
    with path.open("rb") as file:
        looks = _Looks(file.fileno(), pool, path.stem, Filters(max_nsfw=max_nsfw), Findings())
        pairs = (pair for pair in looks.taken(tar.read_pairs(path)) if pair is not None)
        pair = next(pairs, None)
        for unit in units:
            within = []
            while pair is not None and pair.start < unit.span_start + unit.span_size:
                if pair.start >= unit.span_start:
                    within.append(pair)
                pair = next(pairs, None)
            if len(within) != unit.pairs:
                raise ShardError(
                    f"The index of {path.name} is lost, and its pairs can't be told again.",
                    code="index_lost",
                    next_step="Repeat the command with the --max-nsfw that it was taken in with; "
                    "or restore the data folder's pools/ from a backup.",
                )
            index.add_unit([each.ref for each in within], [each.metadata for each in within])
            uids += [each.ref.uid for each in within]
    return uids


def uid_of(pool: str, shard: str, pair: tar.TarPair) -> str:
    """Its record's, or one that follows from where it lies."""
    uid = pair.record.get("uid")
    if isinstance(uid, str) and UID.fullmatch(uid):
        return uid
    return hashlib.sha256(f"{pool}\0{shard}\0{pair.key}".encode()).hexdigest()[:32]


def cut_units(pairs: Iterable[Pair | None], size: int) -> Iterator[list[Pair]]:
    """Runs of `size` consecutive pairs, shorter where their bytes would pass MAX_UNIT_BYTES, so
    that a unit can be fetched whole, and before a None: something lies there that no unit's bytes
    may take in. Raises ShardError if one pair alone passes the limit."""
    unit: list[Pair] = []
    for pair in pairs:
        if pair is None:
            if unit:
                yield unit
            unit = []
            continue
        if pair.end - pair.start > MAX_UNIT_BYTES:
            raise ShardError(
                f"The members of {pair.key} span more than {MAX_UNIT_BYTES:,} bytes.",
                code="member_too_large",
            )
        if unit and (len(unit) == size or pair.end - unit[0].start > MAX_UNIT_BYTES):
            yield unit
            unit = []
        unit.append(pair)
    if unit:
        yield unit


class _Looks:
    """Looks at the pairs of one shard, one after the other."""

    def __init__(
        self, file: int, pool: str, shard: str, filters: Filters, findings: Findings
    ) -> None:
        self._file = file
        self._pool, self._shard = pool, shard
        self._filters = filters
        self._findings = findings
        self._same = 0
        self._other: Counter[str | None] = Counter()

    def taken(self, pairs: Iterable[tar.TarPair]) -> Iterator[Taken | None]:
        """None in place of a pair that is on a list: not even its bytes are to be sent. Those that
        are only too unsafe are passed over, since cutting units at each would shred a pool."""
        for pair in pairs:
            look = self._at(pair)
            if isinstance(look, Taken):
                yield look
            elif look != "denied_nsfw":
                yield None

    def _at(self, pair: tar.TarPair) -> Taken | Denial:
        uid = uid_of(self._pool, self._shard, pair)
        metadata = metadata_of(pair.record, self._read(pair.caption))
        promised = sha256_of(pair.record.get("sha256"))
        digest = None
        if pair.image and (promised or self._filters.any_hash):
            digest = hashlib.sha256(self._read(pair.image) or b"").digest()
        denial = self._filters.denial(
            uid=uid,
            hashes=[each for each in (digest, promised) if each],
            nsfw=metadata.nsfw,
            host=metadata.url_host,
        )
        if denial:
            self._findings.count(denial, metadata.url_host)
            return denial
        if not self._is_readable(pair.image):
            self._findings.count("unreadable", metadata.url_host)
        if digest and promised and not _is_resized(pair.record):
            if digest == promised:
                self._same += 1
            else:
                self._other[metadata.url_host] += 1
        return Taken(
            key=pair.key,
            start=pair.start,
            end=pair.end,
            ref=PairRef(uid=uid, image=_span(pair.image), caption=_span(pair.caption)),
            metadata=metadata,
        )

    def settle(self) -> None:
        """img2dataset writes the sha256 of what it downloaded, and as a rule encodes all pictures
        anew: where not one of a shard is what its sha256 says, none of them can tell."""
        if self._same:
            for host, pairs in self._other.items():
                self._findings.count("hash_drift", host, pairs)

    def _read(self, member: tar.Member | None) -> bytes | None:
        return None if member is None else os.pread(self._file, member.size, member.start)

    def _is_readable(self, image: tar.Member | None) -> bool:
        """As far as its header tells."""
        if image is None:
            return False
        wanted = images.FIRST_READ
        while True:
            head = os.pread(self._file, min(wanted, image.size), image.start)
            kind = images.sniff(head, image.size)
            if not isinstance(kind, images.MoreNeeded):
                return not isinstance(kind, PairStatus)
            wanted = kind.head


def _is_resized(record: Mapping[str, object]) -> bool:
    """Whether img2dataset says that the picture in the shard has another size than the one that
    was downloaded."""
    return any(
        side in record and original in record and record[side] != record[original]
        for side, original in (("width", "original_width"), ("height", "original_height"))
    )


def _span(member: tar.Member | None) -> Span | None:
    return None if member is None else Span(start=member.start, size=member.size)
