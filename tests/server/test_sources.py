"""Shards by URL: copied once, whole, and taken in as those that lie here."""

from __future__ import annotations

import fcntl
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools import sources as module
from server.pools import storage
from server.pools.files import copies_path
from server.pools.models import Pool, Shard
from server.pools.sources import expand, is_url, read_list
from tests.server.command import Dva
from tests.server.far import Far, far, s3_settings
from tests.server.ingesting import Ingest
from tests.server.pool_factory import members, uid, write_pool, write_tar
from tests.server.test_findings import KINDS, ROWS, write_record

BIG = 300
"""Pairs of a shard of several megabytes, for what breaks off in the middle."""


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Far]:
    """A pool of two shards, one with img2dataset's record beside it."""
    folder = write_pool(tmp_path / "far" / "my pool", (10, 6))
    write_record(folder / "00000.parquet", ROWS)
    with far(tmp_path / "far") as found:
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "WAIT_S", 0.0)


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def shards(there: Far, *names: str) -> list[str]:
    return [f"{there.url}/my%20pool/{name}.tar" for name in names or ("00000", "00001")]


def test_a_pool_on_a_web_server(run: Ingest, there: Far) -> None:
    done = run(urls=shards(there))
    assert (done.added, done.pairs, done.refused) == (2, 16, [])
    assert [pair.uid for pairs in run.pairs() for pair in pairs] == [uid(n) for n in range(16)]
    assert done.findings.kinds == KINDS
    folder = copies_path(run.settings, "test")
    for name in ("00000.tar", "00001.tar", "pool.json", "00000.parquet"):
        assert (folder / name).read_bytes() == (there.folder / "my pool" / name).read_bytes()
    with run.database.read() as session:
        assert session.get_one(Pool, 1).title == "Test pool"
        assert session.get_one(Shard, 1).path == str(folder / "00000.tar")
    assert run.progress[-1][0] == run.progress[-1][1] > 0
    assert run.progress == sorted(run.progress)


def test_what_is_in_already_is_not_downloaded_again(run: Ingest, there: Far) -> None:
    run(urls=shards(there))
    there.asked.clear()
    assert run(urls=shards(there)).skipped == 2
    assert there.gets(".tar") == []


def test_one_that_lay_here_is_the_same_shard(run: Ingest, there: Far, tmp_path: Path) -> None:
    run(there.folder / "my pool")
    assert run(urls=shards(there)).skipped == 2
    assert run.count(Shard) == 2


def test_a_copy_that_was_deleted_is_brought_back(run: Ingest, there: Far) -> None:
    run(urls=shards(there))
    shutil.rmtree(copies_path(run.settings, "test"))
    assert (run(urls=shards(there)).skipped, run.count(Shard)) == (2, 2)
    assert (copies_path(run.settings, "test") / "00000.tar").is_file()


def test_new_content_under_a_known_name_is_refused(run: Ingest, there: Far) -> None:
    run(urls=shards(there))
    copy = copies_path(run.settings, "test") / "00001.tar"
    before = copy.read_bytes()
    write_tar(there.folder / "my pool" / "00001.tar", members(700, 6))
    done = run(urls=shards(there))
    assert [(path.name, error.code) for path, error in done.refused] == [
        ("00001.tar", "shard_changed")
    ]
    assert copy.read_bytes() == before
    assert sorted(path.name for path in copy.parent.glob(".*")) == [
        ".00000.tar.json",
        ".00001.tar.json",
    ]


def test_a_new_version_with_the_same_content_is_known(run: Ingest, there: Far) -> None:
    there.tags = False
    run(urls=shards(there))
    there.tags = True
    there.asked.clear()
    assert run(urls=shards(there)).skipped == 2
    assert there.gets(".tar") == ["00000.tar", "00001.tar"]
    there.asked.clear()
    run(urls=shards(there))
    assert there.gets(".tar") == []


def test_one_that_the_pool_refused_is_not_kept(run: Ingest, there: Far) -> None:
    shard = there.folder / "my pool" / "00001.tar"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:3000])
    done = run(urls=shards(there))
    assert [error.code for _, error in done.refused] == ["shard_truncated"]
    assert not (copies_path(run.settings, "test") / "00001.tar").exists()
    shard.write_bytes(whole)
    assert (run(urls=shards(there)).added, run.count(Shard)) == (1, 2)


def test_it_goes_on_where_a_connection_broke(run: Ingest, there: Far) -> None:
    write_tar(there.folder / "my pool" / "big.tar", members(0, BIG))
    there.breaks = [1 << 20, 40_000, 0, 100_000]  # pool.json comes whole
    done = run(urls=shards(there, "big"))
    assert (done.refused, done.pairs) == ([], BIG)
    starts = [int(name.partition("#")[2] or 0) for name in there.gets(".tar")]
    assert starts[0] == 0
    assert starts == sorted(starts)
    assert starts[-1] > 100_000


def test_it_goes_on_where_another_run_was(
    run: Ingest, there: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "TRIES", 1)
    monkeypatch.setattr(storage, "RETRIES", 0)
    write_tar(there.folder / "my pool" / "big.tar", members(0, BIG))
    there.breaks = [1 << 20, 400_000]
    [(_, error)] = run(urls=shards(there, "big")).refused
    assert error.code == "shard_unfetched"
    there.asked.clear()
    assert run(urls=shards(there, "big")).pairs == BIG
    [name] = there.gets(".tar")
    assert int(name.partition("#")[2]) > 0


def test_two_commands_dont_write_one_copy(run: Ingest, there: Far) -> None:
    folder = copies_path(run.settings, "test")
    folder.mkdir(parents=True)
    with (folder / ".00000.tar.partial").open("wb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        done = run(urls=shards(there))
        assert [(path.name, error.code) for path, error in done.refused] == [
            ("00000.tar", "shard_unfetched")
        ]
    assert (run(urls=shards(there)).added, run.count(Shard)) == (1, 2)


def test_what_changed_in_between_is_begun_anew(
    run: Ingest, there: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "TRIES", 1)
    monkeypatch.setattr(storage, "RETRIES", 0)
    write_tar(there.folder / "my pool" / "big.tar", members(0, BIG))
    there.breaks = [1 << 20, 400_000]
    run(urls=shards(there, "big"))
    write_tar(there.folder / "my pool" / "big.tar", members(1000, BIG))
    done = run(urls=shards(there, "big"))
    assert (done.refused, done.pairs) == ([], BIG)
    assert run.pairs()[0][0].uid == uid(1000)


def test_servers_without_ranges(run: Ingest, there: Far) -> None:
    write_tar(there.folder / "my pool" / "big.tar", members(0, BIG))
    there.ranges = there.tags = False
    there.breaks = [1 << 20, 40_000]
    assert run(urls=shards(there, "big")).pairs == BIG


def test_what_is_not_there(run: Ingest, there: Far) -> None:
    for urls in (
        shards(there, "nowhere"),
        [f"{there.url}/my%20pool"],
        ["http://127.0.0.1:1/a.tar"],
    ):
        with pytest.raises(PoolError) as caught:
            run(urls=urls)
        assert caught.value.code in ("source_unreachable", "source_invalid")
    write_tar(there.folder / "other" / "00000.tar", members(0, 1))
    with pytest.raises(PoolError, match="Two shards"):
        run(urls=[*shards(there), f"{there.url}/other/00000.tar"])
    assert run.count(Pool) == 0


def test_a_copy_is_held_to_pool_json(run: Ingest, there: Far) -> None:
    record = {"shards": [{"path": "00000.tar", "sha256": "0" * 64}]}
    (there.folder / "my pool" / "pool.json").write_text(json.dumps(record))
    done = run(urls=shards(there))
    assert [error.code for _, error in done.refused] == ["shard_differs"]
    assert (done.added, run.count(Shard)) == (1, 1)


@pytest.fixture(params=["s3", "gs"])
def bucket(request: pytest.FixtureRequest, there: Far, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket's folder with the shards, and credentials for it in the environment."""
    shutil.copytree(there.folder / "my pool", there.folder / "bucket" / "some" / "pool")
    write_tar(there.folder / "bucket" / "some" / "pool" / "deeper" / "00002.tar", members(90, 1))
    for name, value in s3_settings(there).items():
        monkeypatch.setenv(name, value)
    account = {"gcs_base_url": there.url, "disable_oauth": True, "private_key": ""}
    account |= {"client_email": "", "private_key_id": ""}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
    monkeypatch.setenv("GOOGLE_ALLOW_HTTP", "true")
    return f"{request.param}://bucket/some/pool"


def test_a_folder_of_a_bucket(run: Ingest, there: Far, bucket: str) -> None:
    done = run(urls=[bucket])
    assert (done.added, done.pairs, done.findings.kinds) == (2, 16, KINDS)
    assert all("somebody" in each for each in there.listed) == bucket.startswith("s3")
    there.asked.clear()
    assert run(urls=[f"{bucket}/", f"{bucket}/00000.tar"]).skipped == 2
    assert there.gets(".tar") == []
    with pytest.raises(PoolError, match="No tars"):
        run(urls=[f"{bucket}/nothing"])


def test_an_object_whose_download_broke(run: Ingest, there: Far, bucket: str) -> None:
    write_tar(there.folder / "bucket" / "some" / "pool" / "big.tar", members(0, BIG))
    there.breaks = [1 << 20, 400_000, 0]
    assert run(urls=[f"{bucket}/big.tar"]).pairs == BIG
    assert there.gets(".tar")[0] == "big.tar"
    assert there.gets(".tar")[-1] != "big.tar"


def test_the_command_takes_ranges_and_lists(
    dva: Dva, settings: Settings, bundle_folder: Path, there: Far, tmp_path: Path
) -> None:
    (tmp_path / "list").write_text(f"# the first\n\n{there.url}/my%20pool/00000.tar\n")
    rest = ("--bundle", str(bundle_folder), "--accept-license")
    done = dva(settings, "ingest", "test", "--list", str(tmp_path / "list"), *rest)
    assert "test: 1 shards added (10 pairs" in done.err
    both = f"{there.url}/my%20pool/{{00000..00001}}.tar"
    done = dva(settings, "ingest", "test", both, *rest)
    assert "test: 1 shards added (6 pairs in 2 units), 1 in already" in done.err
    for bad in ("ftp://a/b.tar", "https://u:p@a/b.tar", "https://a/b.tar?x=1", "nowhere.tar"):
        done = dva(settings, "ingest", "test", bad, *rest)
        assert (done.status, "u:p" in done.err) == (1, False)


def test_braces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCES", 100)
    assert len(expand(["{0..9}{0..9}"])) == 100
    assert expand(["a{08..11}.tar"]) == ["a08.tar", "a09.tar", "a10.tar", "a11.tar"]
    assert expand(["a{0..1}::b", "::"]) == ["a0", "a1", "b"]
    assert expand(["{a,b}/{0..1}", "c"]) == ["a/0", "a/1", "b/0", "b/1", "c"]
    for bad in ("{2..1}", "{0..101}", "{0..9}{0..9}{0..1}", "{a}", "{}"):
        with pytest.raises(PoolError):
            expand([bad])


def test_lists(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("\n# no\n s3://bucket/x \n/a path\n")
    assert read_list(tmp_path / "a") == ["s3://bucket/x", "/a path"]
    (tmp_path / "a").write_bytes(b"\xff")
    for path in (tmp_path / "a", tmp_path / "nowhere"):
        with pytest.raises(PoolError):
            read_list(path)


@pytest.mark.parametrize("source", ["/a/b", "a.tar", "C:a", "://x"])
def test_what_is_a_path(source: str) -> None:
    assert not is_url(source)


@pytest.mark.parametrize("source", ["s3://", "https:///a.tar", "https://[x/a.tar", "file:///a.tar"])
def test_what_is_no_url_to_take_from(source: str) -> None:
    with pytest.raises(PoolError):
        is_url(source)
