"""Shards that contributors get from a bucket, by URLs that only this server can sign."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from dva_agent.errors import Refused, Unreachable
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import Span
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from server.config import Settings
from server.db import Database
from server.doctor.buckets import buckets as doctor
from server.errors import PoolError
from server.pools import bucket as module
from server.pools.files import copies_path
from server.pools.models import Bucket, Pool, ShardObject
from server.pools.storage import Storage
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.far import Far, far, s3_settings
from tests.server.ingesting import Ingest
from tests.server.pool_factory import members, write_pool, write_tar

SHARD = "/api/v1/pools/test/shards/00000.tar"
SPAN = Span(start=512, size=700)
RANGE = f"bytes={SPAN.start}-{SPAN.start + SPAN.size - 1}"
URL = "s3://bucket/some%20pool"


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Far]:
    write_pool(tmp_path / "far" / "bucket" / "some pool", (10, 6))
    with far(tmp_path / "far") as found:
        for name, value in s3_settings(found).items():
            monkeypatch.setenv(name, value)
        yield found


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REUSED_S", 0.0)
    monkeypatch.setattr(module, "LOOKED_UP_S", 0.0)


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def part(api: Api, query: str = "") -> TestResponse:
    return api.get(SHARD + query, Range=RANGE)


def far_part(address: str) -> httpx.Response:
    return httpx.get(address, headers={"Range": RANGE})


def policy(api: Api) -> str:
    return api.get("/").headers["Content-Security-Policy"]


def test_its_bytes_come_from_the_bucket(run: Ingest, there: Far, app: Flask) -> None:
    assert run(urls=[URL], serve="bucket").added == 2
    api = Api(app)
    copy = (copies_path(run.settings, "test") / "00000.tar").read_bytes()
    own = copy[SPAN.start : SPAN.start + SPAN.size]
    sent = part(api)
    assert (sent.status_code, sent.data) == (307, b"")
    assert "no-store" in sent.headers["Cache-Control"]
    address = sent.headers["Location"]
    assert address.startswith(f"{there.url}/bucket/some%20pool/00000.tar?")
    answer = far_part(address)
    assert (answer.status_code, answer.content) == (206, own)
    assert far_part(address.replace("00000", "00001")).status_code == 403
    here = part(api, "?here")
    assert (here.status_code, here.data) == (206, own)
    assert api.client.head(SHARD, buffered=True).status_code == 200
    assert there.signed == ["/bucket/some pool/00000.tar"]
    lease = api.lease().leases[0]
    assert lease.shard_url == SHARD, "asked for anew at each try"


def test_a_url_that_has_ended_is_followed_by_another(run: Ingest, there: Far, app: Flask) -> None:
    run(urls=[URL], serve="bucket")
    api = Api(app)
    first = part(api).headers["Location"]
    there.ahead = module.SIGNED_FOR + timedelta(seconds=1)
    assert far_part(first).status_code == 403
    there.ahead = timedelta()
    assert far_part(part(api).headers["Location"]).status_code == 206


def test_the_page_may_connect_to_it_and_says_so(run: Ingest, there: Far, app: Flask) -> None:
    run(Path(there.folder / "bucket" / "some pool"), pool="here")
    api = Api(app)
    before = policy(api), api.get("/").text
    assert "connect-src 'self';" in before[0] + ";"
    run(urls=[f"{URL}/00000.tar"], serve="bucket")
    assert f"connect-src 'self' {there.url};" in policy(api) + ";"
    assert there.url not in api.get("/admin/sign-in").headers["Content-Security-Policy"]
    # A Worker's policy is kept with its script: where that changes, its address does.
    assert before[1] != api.get("/").text
    host = there.url.partition("//")[2]
    assert {pool.pool: pool.hosts for pool in api.status().pools} == {"here": [], "test": [host]}


def test_where_it_comes_from_can_be_changed(run: Ingest, there: Far, app: Flask) -> None:
    api = Api(app)
    for serve, rows in ((None, 0), ("bucket", 2), (None, 2), ("server", 0), ("bucket", 2)):
        run(urls=[URL], serve=serve)  # type: ignore[arg-type]
        assert part(api).status_code == (307 if rows else 206)
        assert (there.url in policy(api)) is bool(rows)
        with run.database.read() as session:
            count = session.scalar(select(func.count()).select_from(ShardObject))
            buckets = list(session.scalars(select(Bucket.url)))
        assert (count, buckets) == (rows, ["s3://bucket"] if rows else [])


def test_another_object_or_none_is_served_from_here(run: Ingest, there: Far, app: Flask) -> None:
    run(urls=[URL], serve="bucket")
    api = Api(app)
    assert [found.state for found in doctor(run.settings)] == ["ok"]
    there.cors = ""
    [found] = doctor(run.settings)
    assert (found.state, "no Access-Control-Allow-Origin" in found.says) == ("warning", True)
    there.cors = "*"
    shard = there.folder / "bucket" / "some pool" / "00000.tar"
    whole = shard.read_bytes()
    write_tar(shard, members(700, 10))
    assert part(api).data == whole[SPAN.start : SPAN.start + SPAN.size]
    [found] = doctor(run.settings)
    assert "another object" in found.says
    shard.unlink()
    assert part(api).status_code == 206
    assert [found.state for found in doctor(run.settings)] == ["warning"]


def test_a_bucket_that_hangs_holds_no_thread_for_long(
    run: Ingest, there: Far, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(urls=[URL], serve="bucket")
    api = Api(app)
    monkeypatch.setattr(module, "REUSED_S", 60.0)
    monkeypatch.setattr(module, "SLOW_S", 0.0)
    (there.folder / "bucket" / "some pool" / "00000.tar").unlink()
    there.asked.clear()
    assert part(api).status_code == 206
    assert api.get(SHARD.replace("00000", "00001"), Range=RANGE).status_code == 206
    assert {path for _, path in there.asked} == {"/bucket/some pool/00000.tar"}


def test_a_terminal_goes_where_it_is_sent(there: Far) -> None:
    def fetched(path: str) -> bytes:
        async def go() -> bytes:
            transport = HttpTransport()
            try:
                return await transport.fetch(there.url + path, SPAN, 1 << 20)
            finally:
                await transport.close()

        # In a thread of its own: where browser tests ran before, this one has Playwright's loop.
        with ThreadPoolExecutor(1) as threads:
            return threads.submit(asyncio.run, go()).result()

    shard = there.folder / "bucket" / "some pool" / "00000.tar"
    there.moved["/good"] = Storage().sign(f"{URL}/00000.tar", timedelta(minutes=1))
    assert fetched("/good") == shard.read_bytes()[SPAN.start : SPAN.start + SPAN.size]
    # Where it was sent to is at fault, not who sent it: that may pass.
    there.moved["/forged"] = there.moved["/good"].replace("00000", "00001")
    there.moved["/round"] = f"{there.url}/round"
    for path in ("/forged", "/round"):
        with pytest.raises(Unreachable):
            fetched(path)
    with pytest.raises(Refused):
        fetched("/nowhere")


def test_what_cant_be_signed_is_refused(run: Ingest, there: Far) -> None:
    for paths, urls in (
        ([there.folder / "bucket"], []),
        ([], [f"{there.url}/bucket/some%20pool/00000.tar"]),
    ):
        with pytest.raises(PoolError) as caught:
            run(*paths, urls=urls, serve="bucket")
        assert caught.value.code == "bucket_unsigned"
    assert run.count(Pool) == 0


def test_google_s_are_signed_by_a_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as can be told without asking Google."""
    key = rsa.generate_private_key(65537, 2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    account = {"client_email": "a@b", "private_key_id": "1", "private_key": key.decode()}
    monkeypatch.setenv("GOOGLE_SERVICE_ACCOUNT_KEY", json.dumps(account))
    url = Storage().sign("gs://bucket/a%20b.tar", timedelta(minutes=1))
    assert url.startswith("https://storage.googleapis.com/bucket/a%20b.tar?X-Goog-Algorithm=")


def test_the_command(
    dva: Dva, settings: Settings, bundle_folder: Path, there: Far, database: Database
) -> None:
    rest = ("--bundle", str(bundle_folder), "--accept-license", "--serve", "bucket")
    done = dva(settings, "ingest", "test", URL, *rest)
    assert "test: 2 shards added" in done.err
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(ShardObject)) == 2
    done = dva(settings, "ingest", "test", "s3://b/a.tar", str(there.folder), *rest)
    assert (done.status, "[bucket_unsigned]" in done.err) == (1, True)
