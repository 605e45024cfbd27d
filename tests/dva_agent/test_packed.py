"""Captions without their pictures: the same captions, fewer bytes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from dva_agent.bundle import Manifest
from dva_agent.errors import EngineError, MessageError
from dva_agent.native.reader import NativeReader
from dva_agent.packed import MOST, pack, size_of, unpacked
from dva_agent.protocol import Lease, PairRef, Span
from hypothesis import given
from hypothesis import strategies as st

from tests.dva_agent.local import Files
from tests.dva_agent.shards import unit

captions = st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=20)


def lease_on(texts: list[bytes | None], manifest: Manifest) -> Lease:
    lease, _ = unit([(b"a picture", text) for text in texts], manifest)
    return msgspec.structs.replace(lease, captions_url="/captions")


def read(lease: Lease, body: bytes, manifest: Manifest) -> tuple[Lease, list[bytes | None]]:
    """The lease as it comes out, and the captions at its spans."""
    files = Files(Path())
    files.memory["captions"] = body
    engine = NativeReader(manifest=manifest, source=files)

    async def go() -> tuple[Lease, list[bytes | None]]:
        blob = await engine.fetch("local:captions")
        found = await unpacked(lease, engine, blob)
        texts = iter(await engine.read(blob, [p.caption for p in found.pairs if p.caption]))
        return found, [next(texts) if pair.caption else None for pair in found.pairs]

    return asyncio.run(go())


@given(texts=captions)
def test_what_was_packed_comes_out(texts: list[bytes | None], manifest: Manifest) -> None:
    lease = lease_on(texts, manifest)
    body = pack(texts)
    assert len(body) == size_of(lease)
    found, back = read(lease, body, manifest)
    assert back == texts
    assert [pair.uid for pair in found.pairs] == [pair.uid for pair in lease.pairs]
    assert all(pair.image is None for pair in found.pairs)
    assert found.span == Span(start=0, size=len(body))


def test_a_long_caption_stays_too_long(manifest: Manifest) -> None:
    texts = [b"a" * (MOST - 1), b"b" * MOST, b"c" * 10_000_000]
    lease = lease_on([*texts], manifest)
    body = pack(texts)
    assert len(body) == size_of(lease) < 3 * (MOST + 4)
    _, back = read(lease, body, manifest)
    assert back == [text[:MOST] for text in texts]


def test_what_was_withheld_meanwhile_has_none(manifest: Manifest) -> None:
    lease = lease_on([b"one", b"two", b"three"], manifest)
    _, back = read(lease, pack([b"one", None, b"three"]), manifest)
    assert back == [b"one", None, b"three"]


def test_hostile_bytes(manifest: Manifest) -> None:
    lease = lease_on([b"one", b"two"], manifest)
    with pytest.raises(EngineError):
        read(lease, pack([b"one", b"two"])[:-1], manifest)
    with pytest.raises(EngineError):
        read(lease, b"\0\0\0", manifest)
    with pytest.raises(MessageError):
        read(lease, b"\0\0\0\x10" * 2, manifest)


def test_without_an_address_the_whole_unit_is_fetched(manifest: Manifest) -> None:
    lease, body = unit([(b"a picture", b"text")], manifest)
    assert size_of(lease) == len(body)
    refs = [PairRef(uid="a", caption=None), PairRef(uid="b", caption=Span(start=5, size=7))]
    packed = msgspec.structs.replace(lease, captions_url="/c", pairs=refs)
    assert size_of(packed) == 4 * 2 + 7
