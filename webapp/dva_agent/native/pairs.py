"""Pictures and captions of WebDataset shards on this machine's disk, in the shards' order."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from dva_agent.errors import PairsError

PICTURES = ("jpg", "jpeg", "png", "webp")
MOST_BYTES = 1 << 26
"""Of one member: more is no picture that DVA takes, and shards may be hostile."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    key: str
    picture: bytes
    """As it lies in the shard; not yet known to be a picture."""
    caption: str
    facts: bytes
    """The pair's JSON, empty if it has none."""


def read_pairs(folder: Path) -> Iterator[Pair]:
    """Every pair that has both parts; captions that aren't UTF-8 are left out. Raises PairsError
    for a folder without shards and for a shard that isn't a tar."""
    shards = sorted(folder.glob("*.tar"))
    if not shards:
        raise PairsError(
            f"{folder} holds no .tar shard.", next_step="Name a folder of WebDataset shards."
        )
    for shard in shards:
        try:
            with tarfile.open(shard) as tar:
                yield from _pairs(tar)
        except tarfile.TarError as error:
            raise PairsError(f"{shard} can't be read: {error}.") from error


def _pairs(tar: tarfile.TarFile) -> Iterator[Pair]:
    files = (member for member in tar if member.isfile() and member.size <= MOST_BYTES)
    for key, members in groupby(files, key=lambda member: member.name.partition(".")[0]):
        parts = {member.name.partition(".")[2]: _body(tar, member) for member in members}
        picture = next((parts[kind] for kind in PICTURES if kind in parts), None)
        if picture is None or "txt" not in parts:
            continue
        try:
            caption = parts["txt"].decode("utf-8")
        except UnicodeDecodeError:
            continue
        yield Pair(key=key, picture=picture, caption=caption, facts=parts.get("json", b""))


def _body(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    return b"" if file is None else file.read()
