"""A bundle's files packed with brotli, once, where that takes enough off them.

Weights are nearly noise: what 8 bits leave of a matrix shrinks by some 3%, 4 bits or fp16 by 8 or
9, at brotli's lowest quality as at its highest but for fp16, where a hundred times the work would
take off 4 more (docs/operations.md has the figures). So large files are packed fast; small ones,
graphs and text, well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import brotli
from dva_agent.errors import BundleError

CHUNK = 1 << 20
LARGE_BYTES = 1 << 20
QUALITY_LARGE = 1
QUALITY_SMALL = 9
WORTH = 0.97
"""A copy on the disk is kept if it is so much smaller, or more."""


def packed_name(path: Path) -> Path:
    """Where the packed copy lies. It goes to clients that accept it; the sha256 of the manifest is
    of what they unpack."""
    return path.with_name(path.name + ".br")


def pack(path: Path) -> None:
    """Makes the packed copy, or none if it wouldn't pay. A chunk is in memory at a time."""
    size = path.stat().st_size
    target = packed_name(path)
    packer = brotli.Compressor(quality=QUALITY_LARGE if size > LARGE_BYTES else QUALITY_SMALL)
    with path.open("rb") as reader, target.open("xb") as writer:
        while chunk := reader.read(CHUNK):
            writer.write(packer.process(chunk))
        writer.write(packer.finish())
        packed = writer.tell()
    if packed > WORTH * size:
        target.unlink()


def packed_sha256(path: Path) -> str:
    """Of what a packed copy unpacks to. Raises BundleError if it doesn't."""
    digest = hashlib.sha256()
    for piece in _unpacked(path):
        digest.update(piece)
    return digest.hexdigest()


def _unpacked(path: Path) -> Iterator[bytes]:
    unpacker = brotli.Decompressor()
    try:
        with path.open("rb") as reader:
            while chunk := reader.read(CHUNK):
                yield unpacker.process(chunk)
    except brotli.error as error:
        raise BundleError(f"{path} is damaged: {error}") from error
    if not unpacker.is_finished():
        raise BundleError(f"{path} is cut short.")
