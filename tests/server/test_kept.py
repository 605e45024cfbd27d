"""The file of a compacted shard gives back what went in, to the bit."""

from __future__ import annotations

import dataclasses
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from dva_agent.protocol import PairStatus
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server.errors import PoolError
from server.results import kept
from server.results.kept import Kept
from server.results.models import Result

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
TIMES = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
NAMES = Result.__table__.columns.keys()
AT = datetime(2026, 11, 28, tzinfo=UTC)


@st.composite
def results(draw: st.DrawFn, number: int, width: int) -> Kept:
    statuses = draw(st.lists(st.sampled_from(PairStatus), min_size=1, max_size=5))
    # Any bits: -0.0 too, and what no server would take.
    raw = draw(st.binary(min_size=4 * width * len(statuses), max_size=4 * width * len(statuses)))
    result = Result(
        id=number,
        lease_id=f"{number:032x}",
        device_id=draw(st.sampled_from(["a" * 32, "b" * 32])),
        copy=draw(st.integers(0, 4)),
        policy=draw(st.sampled_from(["audit", "replication"])),
        state="confirmed",
        drawn=True,
        bundle=draw(st.sampled_from(["c" * 32, "d" * 32])),
        rung="wasm",
        device_class=draw(TEXT),
        scores=raw,
        statuses=bytes(statuses),
        pairs_scored=statuses.count(PairStatus.SCORED),
        digest=f"{number:064x}",
        signature=draw(st.none() | st.binary(min_size=64, max_size=64)),
        scored_at=draw(TIMES),
    )
    audits = draw(st.sampled_from(["[]", '[{"id":1}]', "[2]"]))
    return Kept(unit=f"u1-{number}", result=result, claimed_at=draw(TIMES), audits=audits)


@st.composite
def shards(draw: st.DrawFn) -> tuple[int, list[Kept]]:
    width = draw(st.integers(1, 3))
    numbers = draw(st.lists(st.integers(1, 1 << 40), min_size=1, max_size=6, unique=True))
    return width, [draw(results(number, width)) for number in numbers]


def write(path: Path, width: int, found: list[Kept]) -> str:
    partial = kept.write_beside(
        path,
        found,
        uids=[[f"{n}" for n in range(len(each.result.statuses))] for each in found],
        columns=[f"column_{n}" for n in range(width)],
        said={"pool": "test"},
    )
    partial.replace(path)
    return kept.sha256(path)


def plain(each: Kept) -> dict[str, Any]:
    row = {name: getattr(each.result, name) for name in NAMES}
    return {**row, "unit": each.unit, "claimed_at": each.claimed_at, "audits": each.audits}


@examples(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(shard=shards())
def test_each_result_comes_back_as_it_was(tmp_path: Path, shard: tuple[int, list[Kept]]) -> None:
    width, found = shard
    path = tmp_path / "shard.parquet"
    digest = write(path, width, found)
    assert list(map(plain, kept.read(path, digest))) == list(map(plain, found))
    times = {each.result.id: each.result.scored_at for each in found}
    kept.times.cache_clear()
    assert kept.times(path, digest) == times


def one() -> Kept:
    result = Result(
        id=1,
        lease_id="1" * 32,
        device_id="2" * 32,
        copy=0,
        policy="audit",
        state="confirmed",
        drawn=True,
        bundle="3" * 32,
        rung="wasm",
        device_class="x",
        scores=struct.pack("<f", 0.5),
        statuses=b"\0",
        pairs_scored=1,
        digest="4" * 64,
        signature=None,
        scored_at=AT,
    )
    return Kept(unit="u1-0", result=result, claimed_at=AT - timedelta(minutes=1), audits="[]")


def test_whoever_altered_a_byte_is_told(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    digest = write(path, 1, [one()])
    assert kept.is_whole(path, digest)
    whole = path.read_bytes()
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert not kept.is_whole(path, digest)
        with pytest.raises(PoolError) as caught:
            kept.read(path, digest)
        assert caught.value.code == "scores_damaged"
    path.unlink()
    assert not kept.is_whole(path, digest)
    with pytest.raises(PoolError):
        kept.read(path, digest)


def test_an_agent_cant_name_a_column_as_one_of_ours(tmp_path: Path) -> None:
    with pytest.raises(PoolError) as caught:
        kept.write_beside(
            tmp_path / "shard.parquet",
            [dataclasses.replace(one())],
            uids=[["x"]],
            columns=["lease"],
            said={},
        )
    assert caught.value.code == "column_taken"
    assert not list(tmp_path.iterdir())
