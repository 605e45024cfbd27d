"""A shard whose file is gone or changed holds up nobody: its units wait, the others go on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from dva_agent.protocol import Accepted, Idle, Lease
from flask import Flask

from server.config import Settings
from server.db import Database
from server.pools import open_units
from server.pools.ingest import ingest
from server.pools.models import Shard
from tests.server.api import Api, result_for
from tests.server.conftest import SHARDS, UNITS
from tests.server.pool_factory import write_pool

FIRST = 3
"""Units of the first shard; the second has the rest."""


@pytest.fixture
def shards(
    database: Database, settings: Settings, bundle_folder: Path, tmp_path: Path
) -> list[Path]:
    """The files of an ingested pool of this test's own."""
    folder = write_pool(tmp_path / "pool", SHARDS)
    ingest(
        database,
        settings,
        pool="test",
        paths=[folder],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    return sorted(folder.glob("*.tar"))


def shard_of(lease: Lease) -> str:
    return lease.shard_url.rsplit("/", 1)[1]


def unavailable(idle: Idle | None) -> bool:
    return idle == Idle(reason="shard_unavailable", retry_after_s=60)


def test_a_missing_shard_is_passed_over_until_it_is_back(api: Api, shards: list[Path]) -> None:
    away = shards[0].rename(shards[0].with_suffix(".away"))
    leases = api.lease(8).leases
    assert [shard_of(lease) for lease in leases] == ["00001.tar"] * (UNITS - FIRST)
    for lease in leases:
        api.finish(lease)
    idle = api.lease()
    assert not idle.leases
    assert unavailable(idle.idle)
    away.rename(shards[0])
    leases = api.lease(8).leases
    assert [shard_of(lease) for lease in leases] == ["00000.tar"] * FIRST
    for lease in leases:
        api.finish(lease)
    drained = api.lease().idle
    assert drained
    assert drained.reason == "drained"


def test_a_changed_shard_is_passed_over(api: Api, shards: list[Path]) -> None:
    os.utime(shards[0])
    assert [shard_of(lease) for lease in api.lease(1).leases] == ["00001.tar"]


def test_a_later_shard_that_is_missing_ends_the_work_no_sooner(
    api: Api, shards: list[Path]
) -> None:
    shards[1].unlink()
    assert [shard_of(lease) for lease in api.lease(8).leases] == ["00000.tar"] * FIRST
    assert unavailable(api.lease().idle)


def test_a_unit_given_back_because_its_shard_went_is_not_handed_out_again(
    app: Flask, api: Api, shards: list[Path]
) -> None:
    lease = api.lease().leases[0]
    shards[0].unlink()
    assert api.post(f"/leases/{lease.lease}/abandon").status_code == 204
    assert [shard_of(lease) for lease in api.lease().leases] == ["00001.tar"]
    assert [shard_of(lease) for lease in Api(app).lease(8).leases] == ["00001.tar"]


def test_a_result_brings_no_units_of_a_missing_shard(api: Api, shards: list[Path]) -> None:
    lease = api.lease().leases[0]
    shards[0].unlink()
    answer = api.ok(api.post_result(lease, result_for(lease, more=4)), Accepted)
    assert answer.next
    assert [shard_of(lease) for lease in answer.next.leases] == ["00001.tar"] * (UNITS - FIRST)
    for lease in answer.next.leases:
        answer = api.finish(lease, more=1)
    assert answer.next
    assert unavailable(answer.next.idle)


def test_what_is_with_others_is_told_apart_from_what_is_missing(
    app: Flask, api: Api, shards: list[Path]
) -> None:
    assert len(Api(app).lease(8).leases) == UNITS
    shards[0].unlink()
    idle = api.lease().idle
    assert idle
    assert idle.reason == "all_leased"


def test_each_shard_is_looked_up_once_a_claim_and_told_of_once(
    api: Api,
    shards: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shards[0].unlink()
    looked: list[str] = []
    look = open_units.checked_path

    def counted(shard: Shard) -> Path:
        looked.append(shard.name)
        return look(shard)

    monkeypatch.setattr(open_units, "checked_path", counted)
    assert len(api.lease(8).leases) == UNITS - FIRST
    assert sorted(looked) == ["00000", "00001"]
    assert unavailable(api.lease().idle)
    assert sorted(looked) == ["00000", "00000", "00001"]
    assert caplog.text.count(str(shards[0])) == 1


def test_many_missing_shards_before_a_sound_one(
    api: Api,
    database: Database,
    settings: Settings,
    bundle_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """More of them than a page of the walk."""
    monkeypatch.setattr(open_units, "SHARD_PAGE", 2)
    folder = write_pool(tmp_path / "many", (1,) * 8)
    ingest(
        database,
        settings,
        pool="many",
        paths=[folder],
        bundle=bundle_folder,
        progress=lambda done, total: None,
    )
    for number in (0, 1, 2, 3, 4, 6):
        (folder / f"{number:05d}.tar").unlink()
    leases = api.lease(8).leases
    assert [shard_of(lease) for lease in leases] == ["00005.tar", "00007.tar"]
    assert unavailable(api.lease().idle)
