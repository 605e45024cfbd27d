"""dva doctor: a whole set-up is found whole, and each thing that is broken is found by itself."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from importlib import metadata
from pathlib import Path

import brotli
import pytest
from sqlalchemy import text, update

from server.config import Settings
from server.credit import services as credit
from server.credit.models import Balance, Posting
from server.credit.services import Earned
from server.db import Database, now
from server.doctor import checkout, data, machine, mirror
from server.doctor.examine import examine
from server.doctor.finding import Finding
from server.pools.bundles import register
from server.pools.models import Shard
from tests.mirror import mirroring
from tests.server.command import Dva
from tests.server.pool_factory import FILES, write_bundle
from tests.server.process import Server

AT = datetime(2026, 11, 23, tzinfo=UTC)


def state(found: Finding) -> str:
    """Whatever isn't well says what to do; whatever is well doesn't."""
    assert found.says
    assert bool(found.do) is (found.state != "ok")
    return found.state


def states(found: list[Finding]) -> dict[str, str]:
    assert len({one.check for one in found}) == len(found)
    return {one.check: state(one) for one in found}


@pytest.fixture
def dva(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Dva:
    return Dva(monkeypatch, capsys)


@pytest.fixture
def sound(settings: Settings, pool: str) -> Settings:
    assert states(data.shards(settings)) == {"bundle of test": "ok", "shards of test": "ok"}
    return settings


def test_python() -> None:
    assert state(machine.python()) == "ok"
    assert state(machine.python((3, 10, 9))) == "problem"


@pytest.mark.parametrize(
    ("lock", "expected"),
    [
        ("msgspec=={msgspec} \\\n    --hash=sha256:00\n", "ok"),
        ("# a comment\n-r other.txt\n", "ok"),
        ("msgspec==0.0.1\n", "problem"),
        ("no-such-package==1.0\n", "problem"),
        ("no-such-package==1.0 ; sys_platform == 'plan9'\n", "ok"),
    ],
)
def test_packages(tmp_path: Path, lock: str, expected: str) -> None:
    path = tmp_path / "run.txt"
    path.write_text(lock.format(msgspec=metadata.version("msgspec")))
    assert state(machine.packages(path)) == expected


def test_packages_without_a_lock(tmp_path: Path) -> None:
    assert state(machine.packages(tmp_path / "run.txt")) == "warning"


@pytest.mark.parametrize(
    ("free", "expected"), [(10**7, "problem"), (10**9, "warning"), (10**10, "ok")]
)
def test_disk(free: int, expected: str, tmp_path: Path) -> None:
    assert state(machine.disk(free, tmp_path)) == expected


@pytest.mark.parametrize(
    ("limit", "expected"), [(100, "problem"), (512, "warning"), (4096, "ok"), (-1, "ok")]
)
def test_open_files(limit: int, expected: str) -> None:
    assert state(machine.open_files(limit)) == expected


def test_a_clock_that_is_behind(tmp_path: Path) -> None:
    assert state(machine.clock(AT, None)) == "ok"
    assert state(machine.clock(AT, AT + timedelta(minutes=1))) == "ok"
    assert state(machine.clock(AT, AT + timedelta(hours=1))) == "problem"
    written = tmp_path / "file"
    written.touch()
    os.utime(written, (0, AT.timestamp()))
    assert machine.newest_of([written, tmp_path / "other"]) == AT
    assert machine.newest_of([]) is None


@pytest.mark.parametrize(
    ("host", "proxies", "expected"),
    [
        ("127.0.0.1", 0, "ok"),
        ("::1", 0, "ok"),
        ("localhost", 0, "ok"),
        ("0.0.0.0", 0, "warning"),
        ("192.168.1.5", 0, "warning"),
        ("dva.example.org", 0, "warning"),
        ("0.0.0.0", 1, "ok"),
    ],
)
def test_where_a_page_gets_webgpu(host: str, proxies: int, expected: str) -> None:
    assert state(machine.secure_context(host, proxies)) == expected


@pytest.mark.parametrize(
    ("own", "proxies", "expected"),
    [((), 0, "ok"), ((), 1, "warning"), (("https://dva.example.org",), 1, "ok")],
)
def test_a_public_name_has_to_be_set(own: tuple[str, ...], proxies: int, expected: str) -> None:
    assert state(machine.origins(own, proxies)) == expected


def test_a_port_that_something_else_has() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        number = taken.getsockname()[1]
        taken.listen()
        found = machine.port("127.0.0.1", number)
    assert state(found) == "problem"
    assert state(machine.port("127.0.0.1", number)) == "ok"


def test_a_port_that_dva_has(tmp_path: Path) -> None:
    server = Server(Settings(data=tmp_path / "data"))
    try:
        found = machine.port("127.0.0.1", server.port)
    finally:
        server.stop()
    assert state(found) == "ok"
    assert "DVA is serving" in found.says


def test_a_bundle(tmp_path: Path) -> None:
    write_bundle(tmp_path)
    assert state(checkout.bundle("bundle", tmp_path, "Do.")) == "ok"
    (tmp_path / "text.onnx").write_bytes(b"other")
    (tmp_path / "LICENSE.txt").unlink()
    found = checkout.bundle("bundle", tmp_path, "Do.")
    assert state(found) == "problem"
    assert "text.onnx" in found.says
    assert "LICENSE.txt" in found.says
    (tmp_path / "manifest.json").write_text('{"format": 1}')
    found = checkout.bundle("bundle", tmp_path, "Do this.")
    assert "format 1" in found.says
    assert "version of DVA that it was made with" in found.do
    (tmp_path / "manifest.json").write_text("{}")
    assert state(checkout.bundle("bundle", tmp_path, "Do.")) == "problem"
    assert state(checkout.bundle("bundle", tmp_path / "nothing", "Do.")) == "problem"


def test_packed_files(tmp_path: Path) -> None:
    assert state(checkout.packed(tmp_path)) == "problem"
    (tmp_path / "a.js").write_text("let a")
    (tmp_path / "a.js.br").write_bytes(brotli.compress(b"let a"))
    assert state(checkout.packed(tmp_path)) == "ok"
    (tmp_path / "a.js").write_text("let b")
    assert state(checkout.packed(tmp_path)) == "problem"
    (tmp_path / "a.js.br").write_bytes(b"no brotli at all")
    assert state(checkout.packed(tmp_path)) == "problem"


def test_a_demo_pool(tmp_path: Path) -> None:
    assert state(checkout.demo_pool(tmp_path)) == "problem"
    body = b"a tar"
    digest = "7ab2b5e0a1a2f0f7a4b6d9d0" + "0" * 40
    (tmp_path / "00000.tar").write_bytes(body)
    record = {"shards": [{"path": "00000.tar", "sha256": digest}]}
    (tmp_path / "pool.json").write_text(json.dumps(record))
    assert state(checkout.demo_pool(tmp_path)) == "problem"
    record["shards"][0]["sha256"] = hashlib.sha256(body).hexdigest()
    (tmp_path / "pool.json").write_text(json.dumps(record))
    assert state(checkout.demo_pool(tmp_path)) == "ok"
    (tmp_path / "pool.json").write_text("{")
    assert state(checkout.demo_pool(tmp_path)) == "problem"


def test_an_app_that_isnt_there(tmp_path: Path) -> None:
    assert state(checkout.app(tmp_path)) == "problem"


def test_a_data_folder(tmp_path: Path) -> None:
    assert state(data.folder(tmp_path)) == "ok"
    assert state(data.folder(tmp_path / "new" / "deep")) == "ok"
    (tmp_path / "file").touch()
    assert state(data.folder(tmp_path / "file")) == "problem"


def test_a_key_that_others_can_read(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    assert state(data.secret(settings)) == "ok"
    key = tmp_path / "secret.key"
    key.write_text("k" * 32)
    key.chmod(0o644)
    assert state(data.secret(settings)) == "problem"
    key.chmod(0o600)
    assert state(data.secret(settings)) == "ok"
    elsewhere = Settings(data=tmp_path, database="postgresql://x@/y")
    assert state(data.secret(elsewhere)) == "problem"


def test_a_database_that_is_well(settings: Settings, database: Database) -> None:
    found = states(data.database(settings))
    assert found == {"database": "ok"} | ({"journal": "ok"} if settings.is_embedded else {})


@pytest.mark.parametrize(("step", "expected"), [("0001", "warning"), ("9999", "problem")])
def test_a_schema_of_another_version(
    settings: Settings, database: Database, step: str, expected: str
) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :step"), {"step": step})
    assert states(data.database(settings))["database"] == expected


def test_a_ledger_that_adds_up_and_two_that_dont(settings: Settings, database: Database) -> None:
    run = [Earned(result_id=1, unit=1, pairs=4, amount=400)]
    with database.write() as session:
        credit.confirm(session, "a" * 32, run, AT)
    assert states(data.ledger(settings)) == {"ledger": "ok"}
    with database.write() as session:
        assert credit.project(session) == 1
    assert states(data.ledger(settings)) == {"ledger": "ok"}
    with database.write() as session:
        session.execute(update(Balance).where(Balance.amount > 0).values(amount=401))
    [found] = data.ledger(settings)
    assert state(found) == "problem"
    assert "a" * 32 in found.says
    with database.write() as session:
        session.add(Posting(transfer_id=1, account="more", amount=1, pairs=0))
    [found] = data.ledger(settings)
    assert state(found) == "problem"
    assert "Transfer 1" in found.says


def test_databases_that_cant_be_read(tmp_path: Path) -> None:
    assert states(data.database(Settings(data=tmp_path))) == {"database": "ok"}
    (tmp_path / "dva.db").write_bytes(b"no database" * 100)
    assert states(data.database(Settings(data=tmp_path))) == {"database": "problem"}
    away = Settings(data=tmp_path, database=f"postgresql://x@/y?host={tmp_path}")
    assert states(data.database(away)) == {"database": "problem"}
    assert data.shards(away) == []
    assert data.last_seen(away) is None


def test_sqlite_that_doesnt_write_ahead(tmp_path: Path) -> None:
    path = tmp_path / "dva.db"
    path.write_bytes(b"SQLite format 3\0\x10\0\x01\x01" + b"\0" * 80)
    assert state(data.journal(path)) == "warning"


def _lose_shard(settings: Settings, database: Database) -> None:
    with database.write() as session:
        session.execute(update(Shard).values(path="/nowhere.tar"))


def _change_shard(settings: Settings, database: Database) -> None:
    with database.write() as session:
        session.execute(update(Shard).values(mtime_ns=1))


def _lose_index(settings: Settings, database: Database) -> None:
    shutil.rmtree(settings.pools / "test" / "index")


def _lose_bundle(settings: Settings, database: Database) -> None:
    shutil.rmtree(settings.bundles)


@pytest.mark.parametrize(
    ("harm", "check"),
    [
        (_lose_shard, "shards of test"),
        (_change_shard, "shards of test"),
        (_lose_index, "shards of test"),
        (_lose_bundle, "bundle of test"),
    ],
)
def test_what_a_pool_lacks(
    sound: Settings, database: Database, harm: Callable[[Settings, Database], None], check: str
) -> None:
    harm(sound, database)
    found = states(data.shards(sound))
    assert [name for name, said in found.items() if said == "problem"] == [check]


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
    }


def test_it_changes_nothing(sound: Settings, database: Database, tmp_path: Path) -> None:
    """Neither beside a server that runs, nor where none does, nor where nothing is yet."""
    before = snapshot(sound.data)
    list(found_in(sound))
    database.close()
    closed = snapshot(sound.data)
    list(found_in(sound))
    assert snapshot(sound.data) == closed
    assert set(closed) - set(before) == set()
    list(found_in(Settings(data=tmp_path / "new")))
    assert not (tmp_path / "new").exists()


def found_in(settings: Settings) -> Iterator[Finding]:
    yield from data.database(settings)
    yield from data.shards(settings)
    yield data.folder(settings.data)
    yield data.secret(settings)
    assert data.last_seen(settings) is None


def test_a_time_that_has_been(sound: Settings, api: object) -> None:
    seen = data.last_seen(sound)
    assert seen
    assert abs(now() - seen) < timedelta(minutes=1)


def test_a_setting_that_cant_be_used(tmp_path: Path) -> None:
    environment = {"DVA_WORKERS": "none"}
    found = list(examine(tmp_path, environment, host="x", port=0, data_folder=None, database=None))
    assert found[-1].check == "settings"
    assert state(found[-1]) == "problem"


def test_the_command(dva: Dva, tmp_path: Path) -> None:
    key = tmp_path / "secret.key"
    key.write_text("k" * 32)
    key.chmod(0o644)
    told = dva(Settings(data=tmp_path), "doctor", "--port", "0", "--json")
    assert told.status == 1
    answer = json.loads(told.out)
    assert answer["ok"] is False
    by_name = {one["check"]: one for one in answer["findings"]}
    assert by_name["secret-key"]["state"] == "problem"
    assert by_name["secret-key"]["do"] == f"chmod 600 {key}"
    assert set(by_name["python"]) == {"check", "state", "says", "do"}
    done = dva(Settings(data=tmp_path), "doctor", "--port", "0")
    assert done.status == 1
    assert "PROBLEM  secret-key" in done.out
    assert f"-> chmod 600 {key}" in done.out


def test_a_mirror(tmp_path: Path) -> None:
    """This one knows no Range."""
    files = {**FILES, "text.onnx": b"t"}
    manifest = write_bundle(tmp_path / "source", files)
    with mirroring(tmp_path / "copies") as (origin, asked):
        settings = Settings(data=tmp_path / "data", model_mirror=f"{origin}/all/")
        assert list(mirror.mirror(settings)) == []
        register(tmp_path / "source", settings.bundles)
        copy = tmp_path / "copies" / "all" / manifest.bundle

        def says() -> str:
            [found] = mirror.mirror(settings)
            assert found.state == "warning"
            return found.says

        assert "answered with 404" in says()
        shutil.copytree(tmp_path / "source", copy)
        assert says().count(",") == 1
        assert "no answer to Range" in says()
        (copy / "text.onnx").write_bytes(b"T")
        assert "text.onnx has other bytes" in says()
        assert set(asked) == {f"/all/{manifest.bundle}/text.onnx"}
    assert "no answer (" in says()
    assert list(mirror.mirror(Settings(data=settings.data))) == []
