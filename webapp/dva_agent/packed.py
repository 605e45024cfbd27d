"""A unit's captions without its pictures: for agents that read nothing else, a few kilobytes in the
place of some megabytes.

    uint32 x pairs   length of each caption in bytes; 0xFFFFFFFF: the pair has none, or is withheld
    bytes            the captions, one after another

A caption too long to be read is cut to one byte more than that, so that it still is too long.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from dva_agent.engine import Blob, Engine
from dva_agent.errors import MessageError
from dva_agent.protocol import Lease, PairRef, Span
from dva_agent.reading import MAX_CAPTION_BYTES

MOST = MAX_CAPTION_BYTES + 1
"""Bytes of any one caption."""

_NONE = 0xFFFFFFFF


def pack(captions: Sequence[bytes | None]) -> bytes:
    """One caption a pair, in the unit's order."""
    cut = [None if caption is None else caption[:MOST] for caption in captions]
    sizes = [_NONE if caption is None else len(caption) for caption in cut]
    return struct.pack(f"<{len(sizes)}I", *sizes) + b"".join(filter(None, cut))


def size_of(lease: Lease) -> int:
    """Bytes that fetching the lease's unit transfers."""
    if lease.captions_url is None:
        return lease.span.size
    captions = (pair.caption for pair in lease.pairs)
    return 4 * len(lease.pairs) + sum(min(span.size, MOST) for span in captions if span)


async def unpacked(lease: Lease, engine: Engine, blob: Blob) -> Lease:
    """The lease with its spans in `blob`, which holds the packed captions, and without pictures.
    What the blob says of a caption counts: it may have been withheld since the lease was given.
    Raises MessageError, or EngineError if the blob ends too early."""
    (head,) = await engine.read(blob, [Span(start=0, size=4 * len(lease.pairs))])
    at = len(head)
    pairs = []
    for pair, (size,) in zip(lease.pairs, struct.iter_unpack("<I", head), strict=True):
        span = None
        if size != _NONE:
            if size > MOST:
                raise MessageError(f"The caption of {pair.uid} has {size:,} bytes.")
            span = Span(start=at, size=size)
            at += size
        pairs.append(PairRef(uid=pair.uid, caption=span, withheld=pair.withheld))
    return msgspec.structs.replace(lease, span=Span(start=0, size=at), pairs=pairs)
