"""Score tables: what is stored becomes Parquet, pair by pair."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dva_agent.protocol import PairStatus, pack_scores, unpack_scores

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.selection.scores import Written, write_scores
from tests.server.api import Api, result_for
from tests.server.pool_factory import uid

COLUMNS = {
    "uid": pa.string(),
    "score": pa.float32(),
    "status": pa.string(),
    "state": pa.string(),
    "bundle": pa.string(),
    "unit": pa.string(),
    "scored_at": pa.timestamp("us", tz="UTC"),
    "rung": pa.string(),
    "device_class": pa.string(),
    "original_width": pa.int32(),
    "original_height": pa.int32(),
    "url_host": pa.string(),
    "caption_chars": pa.int32(),
    "language": pa.string(),
    "nsfw": pa.float32(),
    "faces": pa.int16(),
}


def write(database: Database, settings: Settings, out: Path) -> Written:
    return write_scores(database, settings, pool="test", out=out, progress=lambda done, total: None)


def test_every_scored_pair_has_its_row(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    expected: dict[str, float] = {}
    while leases := api.lease(8).leases:
        for lease in reversed(leases):
            api.finish(lease)
            scores = unpack_scores(result_for(lease).scores)
            expected.update(zip((pair.uid for pair in lease.pairs), scores, strict=True))
    done = write(database, settings, tmp_path / "out")
    assert (done.files, done.pairs, done.scored, done.pairs_total) == (2, 16, 16, 16)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "00000.parquet",
        "00001.parquet",
    ]
    table = pq.read_table(tmp_path / "out")
    assert {field.name: field.type for field in table.schema} == COLUMNS
    assert table["uid"].to_pylist() == [uid(number) for number in range(16)]
    assert dict(zip(table["uid"].to_pylist(), table["score"].to_pylist(), strict=True)) == expected
    assert set(table["status"].to_pylist()) == {"scored"}
    assert set(table["state"].to_pylist()) == {"pending"}
    assert set(table["rung"].to_pylist()) == {"native"}
    assert len(set(table["unit"].to_pylist())) == 5
    assert table["caption_chars"].to_pylist() == [len(f"picture {number}") for number in range(16)]
    assert set(table["bundle"].to_pylist()) == {api.status().pools[0].bundle}
    for time in table["scored_at"].to_pylist():
        assert abs(time - datetime.now(UTC)) < timedelta(minutes=5)


def test_pairs_without_a_score_are_null_and_say_why(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    [lease] = api.lease().leases
    statuses = [PairStatus.IMAGE_BROKEN, PairStatus.SCORED, PairStatus.CAPTION_TOO_LARGE, 0]
    api.post_result(
        lease, result_for(lease, statuses=bytes(statuses), scores=pack_scores([0, 0, 0, -1]))
    )
    done = write(database, settings, tmp_path)
    assert (done.pairs, done.scored) == (4, 2)
    table = pq.read_table(tmp_path / "00000.parquet")
    assert table["score"].to_pylist() == [None, 0.0, None, -1.0]
    assert table["status"].to_pylist() == [
        "image_broken",
        "scored",
        "caption_too_large",
        "scored",
    ]
    assert len(pq.read_table(tmp_path / "00001.parquet")) == 0


def test_the_file_says_where_it_comes_from(
    pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    write(database, settings, tmp_path)
    told = json.loads(pq.read_schema(tmp_path / "00001.parquet").metadata[b"dva"])
    assert (told["pool"], told["licence"], told["shard"], told["shard_pairs"]) == (
        "test",
        "CC0",
        "00001",
        6,
    )
    assert len(told["bundle"]) == 32
    assert len(told["shard_sha256"]) == 64


def test_writing_again_replaces_the_files(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    write(database, settings, tmp_path)
    api.finish(api.lease().leases[0])
    write(database, settings, tmp_path)
    assert len(pq.read_table(tmp_path / "00000.parquet")) == 4
    assert sorted(path.name for path in tmp_path.glob("*.p*")) == ["00000.parquet", "00001.parquet"]


def test_a_failure_leaves_no_half_written_file(
    api: Api, pool: str, database: Database, settings: Settings, tmp_path: Path
) -> None:
    api.finish(api.lease().leases[0])
    (settings.pools / pool / "index" / "00000.parquet").rename(tmp_path / "index")
    out = tmp_path / "out"
    with pytest.raises(FileNotFoundError):
        write(database, settings, out)
    assert list(out.iterdir()) == []


def test_a_pool_that_isnt_there(database: Database, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(PoolError) as caught:
        write(database, settings, tmp_path)
    assert caught.value.code == "pool_unknown"
