"""dva doctor tells what was broken off, and not what may be under way."""

from __future__ import annotations

import os
from pathlib import Path

from server.config import Settings
from server.db import Database, now
from server.doctor.unfinished import unfinished
from server.pools import bundles
from server.pools.files import copies_path, index_path
from server.pools.search import sought
from server.reports import takedowns


def left(path: Path, *, hours: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    at = now().timestamp() - hours * 3600
    os.utime(path, (at, at))


def told(settings: Settings) -> dict[str, str]:
    found = unfinished(settings)
    assert all(bool(each.do) is (each.state != "ok") for each in found)
    return {each.check: f"{each.state}: {each.says}" for each in found}


def test_ingests(settings: Settings, pool: str, tmp_path: Path) -> None:
    for path in index_path(settings, pool, "x").parent.iterdir():
        left(path, hours=5)
    left(copies_path(settings, pool) / "00000.tar", hours=5)
    left(index_path(settings, "other", "a.b").with_suffix(".parquet.partial"), hours=0.5)
    assert told(settings) == {}
    left(index_path(settings, pool, "00007"), hours=5)
    left(copies_path(settings, pool) / ".00008.tar.partial", hours=5)
    left(copies_path(settings, pool) / ".00008.tar.partial.json", hours=5)
    left(index_path(settings, "other", "a.b").with_suffix(".parquet.partial"), hours=2)
    assert told(settings) == {
        "ingest of other": "warning: 1 shards were to be taken in and aren't: a.b.",
        "ingest of test": "warning: 2 shards were to be taken in and aren't: 00007, 00008.",
    }
    assert told(Settings(data=tmp_path / "nowhere")) == {}


def test_copies_of_bundles(settings: Settings, pool: str, bundle_folder: Path) -> None:
    """The next ingest sweeps them, once that they are anybody's is out of the question."""
    for name, hours in (("young", 0.5), ("old", 20), ("older", 25)):
        left(settings.bundles / f".partial-{name}" / "image.onnx", hours=hours)
        left(settings.bundles / f".partial-{name}" / "text.onnx", hours=hours)
        at = now().timestamp() - hours * 3600
        os.utime(settings.bundles / f".partial-{name}", (at, at))
    assert told(settings) == {
        "bundles": "warning: 2 of no bundle, from copies that were broken off: "
        ".partial-old, .partial-older."
    }
    bundles.register(bundle_folder, settings.bundles)
    kept = sorted(path.name for path in settings.bundles.glob(".*"))
    assert kept == [".partial-old", ".partial-young"]


def test_compactions(settings: Settings, pool: str) -> None:
    left(settings.scores / pool / "00000.parquet", hours=23)
    left(settings.scores / pool / ".00001.parquet.abcd.partial", hours=0.5)
    assert told(settings) == {}
    left(settings.scores / pool / "00000.parquet", hours=25)
    left(settings.scores / pool / ".00001.parquet.abcd.partial", hours=2)
    [(check, says)] = told(settings).items()
    assert check == "compaction"
    assert says.endswith("undone: test/.00001.parquet.abcd.partial, test/00000.parquet.")


def test_takedowns(settings: Settings, database: Database, pool: str) -> None:
    with database.write() as session:
        number = takedowns.order(session, sought("uid", "a"), why="x", by="me", at=now())
    assert told(settings)["takedowns"].startswith("warning: 1 of 1 haven't")
    takedowns.carry_out(database, settings, number, now())
    assert told(settings) == {"takedowns": "ok: 1, each through every shard"}
