"""What `dva ingest` makes of labels that lie beside shards: kept beside the index, checked."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools.models import Pool, Shard
from server.pools.services import truth_path
from server.selection.grade import read_truth
from tests.server.ingesting import Ingest
from tests.server.pool_factory import (
    members,
    uid,
    write_tar,
)
from tests.server.truth import write_truth


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def test_truth_is_kept_beside_the_index(run: Ingest, settings: Settings, tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", members(0, 2))
    truth = {uid(0): "true", uid(1): "shuffled"}
    run(tmp_path)
    assert not truth_path(settings, "test").exists()
    write_truth(tmp_path / "truth.parquet", truth)
    assert run(tmp_path).truth
    assert read_truth(truth_path(settings, "test")) == truth


def test_truth_of_another_folder_is_added(run: Ingest, settings: Settings, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_tar(one / "a.tar", members(0, 2))
    write_tar(two / "b.tar", members(2, 2))
    first = {uid(0): "true", uid(1): "shuffled"}
    second = {uid(1): "shuffled", uid(2): "true", uid(3): "generic"}
    write_truth(one / "truth.parquet", first)
    write_truth(two / "truth.parquet", second)
    run(one)
    run(two)
    assert read_truth(truth_path(settings, "test")) == first | second
    assert run(one).truth
    assert read_truth(truth_path(settings, "test")) == first | second


def test_truth_that_contradicts_the_pools_is_refused(
    run: Ingest, settings: Settings, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_tar(one / "a.tar", members(0, 2))
    write_tar(two / "b.tar", members(2, 2))
    first = {uid(0): "true", uid(1): "shuffled"}
    write_truth(one / "truth.parquet", first)
    write_truth(two / "truth.parquet", {uid(2): "true", uid(1): "true"})
    run(one)
    with pytest.raises(PoolError) as caught:
        run(two)
    assert caught.value.code == "truth_differs"
    assert run.count(Shard) == 1
    assert read_truth(truth_path(settings, "test")) == first


def test_truth_of_shards_that_were_refused_is_not_kept(
    run: Ingest, settings: Settings, tmp_path: Path
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_tar(one / "a.tar", members(0, 2))
    write_tar(two / "a.tar", members(2, 2))
    (tmp_path / "bad.tar").write_bytes(b"no tar")
    first = {uid(0): "true", uid(1): "shuffled"}
    write_truth(one / "truth.parquet", first)
    write_truth(two / "truth.parquet", {uid(2): "true"})
    write_truth(tmp_path / "truth.parquet", first)
    assert not run(tmp_path, pool="none").truth
    assert not truth_path(settings, "none").exists()
    run(one)
    assert not run(two).truth
    assert read_truth(truth_path(settings, "test")) == first


@pytest.mark.parametrize(
    "table",
    [
        {"uid": ["a"]},
        {"uid": ["a", "a"], "kind": ["true", "true"]},
        {"uid": ["a", None], "kind": ["true", "true"]},
        {"uid": ["a"], "kind": [None]},
        {"uid": ["a"], "kind": [["true"]]},
        None,
    ],
)
def test_truth_that_is_none(
    run: Ingest, tmp_path: Path, table: dict[str, list[object]] | None
) -> None:
    write_tar(tmp_path / "a.tar", members(0, 2))
    path = tmp_path / "truth.parquet"
    if table is None:
        path.write_bytes(b"no Parquet")
    else:
        pq.write_table(pa.table(table), path)
    with pytest.raises(PoolError) as caught:
        run(tmp_path)
    assert caught.value.code == "truth_invalid"
    assert run.count(Pool) == 0
