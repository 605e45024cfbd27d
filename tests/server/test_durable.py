"""What is told of as done has been written out: its content before its name, the name after."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from dva_agent.bundle import Manifest

from server.config import Settings
from server.db import Database, now
from server.durable import put
from server.fetching.options import Shape
from server.fetching.staging import FOLDER, METADATA, RECORD, stage
from server.keys import FILE, secret_key
from server.pools import licences
from server.pools.files import index_path
from server.selection import uids
from server.selection.cut import Cut
from server.selection.cutting import Terms, select_tables
from server.workbench.others import keep_list
from tests.server.ingesting import Ingest

Call = tuple[str, str | int]


class Disk:
    """What was written out and what was named, in that order; all of it really is."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._calls: list[Call] = []
        fsync, calls = os.fsync, self._calls

        def written_out(descriptor: int) -> None:
            calls.append(("sync", os.fstat(descriptor).st_ino))
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", written_out)
        for name in ("rename", "replace", "link"):
            self._watch(monkeypatch, name)

    def _watch(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        real, calls = getattr(os, name), self._calls

        def named(source: Path, target: Path) -> None:
            calls.append(("name", os.fspath(target)))
            real(source, target)

        monkeypatch.setattr(os, name, named)

    def require(self, place: Path) -> None:
        """That it would be there after a power cut, and all below it."""
        last = max(at for at, call in enumerate(self._calls) if call == ("name", str(place)))
        before, after = self._calls[:last], self._calls[last:]
        for path in (place, *place.rglob("*")):
            assert ("sync", path.stat().st_ino) in before, path
        assert ("sync", place.parent.stat().st_ino) in after, place.parent


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_a_folder_in_the_place_of_an_empty_one(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "partial" / "below").mkdir(parents=True)
    (tmp_path / "partial" / "below" / "file").write_text("here")
    (tmp_path / "place").mkdir()
    put(tmp_path / "partial", tmp_path / "place")
    assert (tmp_path / "place" / "below" / "file").read_text() == "here"
    disk.require(tmp_path / "place")


def test_a_cut(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "scores").mkdir()
    table = pa.table({"uid": [f"{n:032x}" for n in range(8)], "score": np.arange(8) / 8})
    pq.write_table(table, tmp_path / "scores" / "0.parquet")
    cut = Cut(rule="top", value=0.5)
    select_tables(tmp_path / "scores", cut=cut, out=tmp_path / "best", terms=Terms(state="all"))
    disk.require(tmp_path / "best")


def test_an_uploaded_list(tmp_path: Path, disk: Disk) -> None:
    np.save(tmp_path / "sent.npy", np.zeros(3, uids.LAYOUT))
    keep_list(tmp_path / "sent.npy", tmp_path / "lists", "mine")
    disk.require(tmp_path / "lists" / "mine.npy")


def test_staged_metadata(tmp_path: Path, disk: Disk) -> None:
    pq.write_table(pa.table({"url": ["http://a/1"], "text": ["one"]}), tmp_path / "m.parquet")
    shape = Shape(image_size=512, shard_pairs=10, verify_hash=False, blur_faces=False)
    stage(tmp_path / "m.parquet", tmp_path / "out", shape, "1.47.0", lambda done, total: None)
    disk.require(tmp_path / "out" / FOLDER / METADATA)
    disk.require(tmp_path / "out" / FOLDER / RECORD)


def test_an_ingest(
    database: Database, settings: Settings, bundle_folder: Path, pool_folder: Path, disk: Disk
) -> None:
    bundle = Ingest(database, settings, bundle_folder)(pool_folder).bundle
    disk.require(index_path(settings, "test", "00000"))
    disk.require(settings.bundles / bundle)


def test_an_acceptance(tmp_path: Path, manifest: Manifest, disk: Disk) -> None:
    settings = Settings(data=tmp_path)
    licences.accept(settings, manifest, by="alice", at=now())
    [record] = settings.licences.iterdir()
    disk.require(record)


def test_a_secret_key(tmp_path: Path, disk: Disk) -> None:
    secret_key(Settings(data=tmp_path))
    disk.require(tmp_path / FILE)
