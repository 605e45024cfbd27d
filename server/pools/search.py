"""Where in a shard the pairs are that somebody asks for: by uid, by the picture's sha256, or by
the host that they came from."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from server.config import Settings
from server.errors import PoolError
from server.pools import tar
from server.pools.files import checked_path, index_path
from server.pools.filters import UID, sha256_of
from server.pools.metadata import host_of
from server.pools.models import Shard
from server.pools.survey import uid_of

Kind = Literal["uid", "sha256", "url_host"]
_HEX = re.compile(r"[0-9A-Fa-f]{32}")
_BARE = re.compile(r"[^/:@?#\s]+")


class Place(NamedTuple):
    """A pair: the number of its unit in the shard, and its position in the unit."""

    unit: int
    position: int
    uid: str


@dataclass(frozen=True, kw_only=True)
class Sought:
    """`value`: a uid, 64 hex digits, or a host, which stands for all hosts under it, too."""

    kind: Kind
    value: str

    def has_host(self, host: str | None) -> bool:
        return host is not None and is_under(host, self.value)


def sought(kind: Kind, value: str) -> Sought:
    """Raises PoolError for a value that can't be one."""
    text = value.strip()
    if kind == "uid" and UID.fullmatch(text):
        return Sought(kind=kind, value=text.lower() if _HEX.fullmatch(text) else text)
    if kind == "sha256" and sha256_of(text):
        return Sought(kind=kind, value=text.lower())
    if kind == "url_host" and _BARE.fullmatch(text) and (host := host_of(f"//{text}")):
        return Sought(kind=kind, value=host)
    raise PoolError(
        f"{value!r} is no {kind}.",
        code="takedown_invalid",
        next_step="A uid, the 64 hex digits of a picture's sha256, or a host such as example.org.",
    )


def is_under(host: str, above: str) -> bool:
    return host == above or host.endswith(f".{above}")


def places(settings: Settings, shard: Shard, wanted: Sought) -> list[Place]:
    """Of one shard. uids and hosts are in its index; pictures are read from its tar, and so are the
    hosts of a shard from before they were kept. Raises ShardUnavailable where the tar is needed and
    isn't there, ShardError where it can't be read."""
    path = index_path(settings, shard.pool.name, shard.name)
    if wanted.kind == "uid":
        return _rows(path, "uid", _same_uid(wanted.value))
    if wanted.kind == "url_host" and "url_host" in pq.read_schema(path).names:
        return _rows(path, "url_host", _same_host(wanted.value))
    found = set(_in_tar(checked_path(shard), shard, wanted))
    return [place for place in _all(path) if place.uid in found] if found else []


class _Same(NamedTuple):
    """How a column is asked: equal to `value` after `lower`, or ending with `ending`."""

    value: str
    lower: bool = False
    ending: str | None = None

    def mask(self, column: pa.ChunkedArray) -> pa.ChunkedArray:
        text = pc.utf8_lower(column) if self.lower else column
        mask = pc.equal(text, self.value)
        if self.ending is not None:
            mask = pc.or_(mask, pc.ends_with(text, self.ending))
        return pc.fill_null(mask, False)


def _same_uid(uid: str) -> _Same:
    return _Same(uid, lower=bool(_HEX.fullmatch(uid)))


def _same_host(host: str) -> _Same:
    return _Same(host, ending=f".{host}")


def _rows(index: Path, column: str, same: _Same) -> list[Place]:
    table = pq.read_table(index, columns=list({"uid", column}))
    rows = np.flatnonzero(same.mask(table[column]).to_numpy())
    return list(_placed(index, rows, table["uid"].take(pa.array(rows)).to_pylist()))


def _all(index: Path) -> list[Place]:
    uids = pq.read_table(index, columns=["uid"])["uid"].to_pylist()
    return list(_placed(index, np.arange(len(uids)), uids))


def _placed(
    index: Path, rows: np.ndarray[tuple[int], np.dtype[np.int64]], uids: list[str]
) -> Iterator[Place]:
    """A row group of the index is a unit."""
    footer = pq.read_metadata(index)
    sizes = [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]
    ends = np.cumsum(sizes)
    units = np.searchsorted(ends, rows, side="right")
    for row, unit, uid in zip(rows.tolist(), units.tolist(), uids, strict=True):
        yield Place(unit, row - int(ends[unit]) + sizes[unit], uid)


def _in_tar(path: Path, shard: Shard, wanted: Sought) -> Iterator[str]:
    """The uids of pairs that match, as ingest names them."""
    digest = sha256_of(wanted.value)
    with path.open("rb") as file:
        for pair in tar.read_pairs(path):
            if wanted.kind == "url_host":
                match = wanted.has_host(host_of(pair.record.get("url")))
            else:
                match = sha256_of(pair.record.get("sha256")) == digest
                if not match and pair.image:
                    body = os.pread(file.fileno(), pair.image.size, pair.image.start)
                    match = hashlib.sha256(body).digest() == digest
            if match:
                yield uid_of(shard.pool.name, shard.name, pair)
