"""Units made on the spot."""

from __future__ import annotations

from collections.abc import Sequence

from dva_agent.bundle import Manifest
from dva_agent.protocol import Lease, PairRef, Span

Pair = tuple[bytes | None, bytes | None]
"""The files of an image and a caption; None where the shard has none."""

GAP = 1000
"""Bytes before the unit in its shard: spans of a lease are absolute."""


def unit(pairs: Sequence[Pair], manifest: Manifest) -> tuple[Lease, bytes]:
    """A lease on these pairs, and the bytes of its span."""
    body = bytearray()
    refs = []
    for index, files in enumerate(pairs):
        spans: list[Span | None] = []
        for file in files:
            spans.append(None if file is None else Span(start=GAP + len(body), size=len(file)))
            body += file or b""
        refs.append(PairRef(uid=f"{index:032x}", image=spans[0], caption=spans[1]))
    lease = Lease(
        lease="l1",
        unit="u1",
        pool="p1",
        agent="dva",
        bundle=manifest.bundle,
        bundle_url="/bundle/",
        shard_url="/shard",
        span=Span(start=GAP, size=len(body)),
        pairs=refs,
        expires_in_s=600.0,
    )
    return lease, bytes(body)
