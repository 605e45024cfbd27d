"""Files by HTTP: whole, in part, packed; and the headers that every answer carries."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import brotli
import pytest
from dva_agent.bundle import Manifest
from dva_agent.protocol import ROOT, BundleSources
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server import create_app
from server.config import Settings
from server.db import Database
from server.pages.edition import edition
from server.security import HEADERS
from tests.server.api import Api, problem
from tests.server.pool_factory import FILES

SHARD = f"{ROOT}/pools/test/shards/00000.tar"


@pytest.fixture
def tar(pool_folder: Path) -> bytes:
    return (pool_folder / "00000.tar").read_bytes()


def test_a_whole_shard(api: Api, pool: str, tar: bytes) -> None:
    answer = api.get(SHARD)
    assert answer.data == tar
    assert answer.mimetype == "application/x-tar"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["ETag"] == f'"{hashlib.sha256(tar).hexdigest()}"'
    assert "immutable" in answer.headers["Cache-Control"]


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 60_000), size=st.integers(1, 60_000))
def test_any_range(api: Api, pool: str, tar: bytes, start: int, size: int) -> None:
    answer = api.get(SHARD, range=f"bytes={start}-{start + size - 1}")
    part = tar[start : start + size]
    if not part:
        problem(answer, 416, "range_invalid")
        return
    assert answer.status_code == 206
    assert answer.data == part
    assert answer.headers["Content-Range"] == f"bytes {start}-{start + len(part) - 1}/{len(tar)}"
    assert answer.headers["Content-Length"] == str(len(part))


def test_ranges_from_and_to_the_end(api: Api, pool: str, tar: bytes) -> None:
    assert api.get(SHARD, range="bytes=100-").data == tar[100:]
    assert api.get(SHARD, range="bytes=-100").data == tar[-100:]
    assert api.get(SHARD, range="bytes=0-0").data == tar[:1]


@pytest.mark.parametrize(
    "header", ["bytes=0-1,5-6", "bytes=9-5", "bytes=999999999-", "bytes=x", "lines=0-1", "bytes=-0"]
)
def test_ranges_that_are_none(api: Api, pool: str, header: str) -> None:
    answer = api.get(SHARD, range=header)
    problem(answer, 416, "range_invalid")


def test_a_range_of_an_older_file_is_not_mixed_with_a_newer(
    api: Api, pool: str, tar: bytes
) -> None:
    etag = api.get(SHARD).headers["ETag"]
    assert api.get(SHARD, range="bytes=0-9", if_range=etag).data == tar[:10]
    assert api.get(SHARD, range="bytes=0-9", if_range='"older"').data == tar


def test_what_the_client_has_is_not_sent_again(api: Api, pool: str) -> None:
    etag = api.get(SHARD).headers["ETag"]
    answer = api.get(SHARD, if_none_match=etag)
    assert (answer.status_code, answer.data) == (304, b"")


def test_bundle_files(api: Api, pool: str) -> None:
    url = api.status().pools[0].bundle_url
    for path, body in FILES.items():
        answer = api.get(url + path)
        assert answer.data == body
        assert "immutable" in answer.headers["Cache-Control"]
        assert api.get(url + path, range="bytes=1-2").data == body[1:3]
    assert api.get(url + "manifest.json").mimetype == "application/json"


def test_text_comes_packed_to_those_who_unpack_it(api: Api, pool: str) -> None:
    url = api.status().pools[0].bundle_url + "tokenizer/merges.txt"
    packed = api.get(url, accept_encoding="gzip, br")
    assert packed.headers["Content-Encoding"] == "br"
    assert brotli.decompress(packed.data) == FILES["tokenizer/merges.txt"]
    plain = api.get(url, accept_encoding="gzip, br;q=0")
    assert "Content-Encoding" not in plain.headers
    assert plain.data == FILES["tokenizer/merges.txt"]
    assert packed.headers["ETag"] != plain.headers["ETag"]
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    part = api.get(url, accept_encoding="br", range="bytes=0-3")
    assert (part.status_code, part.data) == (206, b"a b\n")
    assert "Content-Encoding" not in part.headers


@pytest.fixture
def static(settings: Settings, database: Database, tmp_path: Path) -> Api:
    """An app over a static folder of our own."""
    folder = tmp_path / "static"
    (folder / "app").mkdir(parents=True)
    for name in ("a.mjs", "b.wasm", "c.js", "d.css", "e.unknown", "f.whl", "g.svg"):
        (folder / "app" / name).write_bytes(b"content")
    (folder / "app" / "b.wasm.br").write_bytes(brotli.compress(b"content"))
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    return Api(create_app(dataclasses.replace(settings, static=folder), database))


def test_static_files(static: Api) -> None:
    kinds = {
        "a.mjs": "text/javascript",
        "b.wasm": "application/wasm",
        "c.js": "text/javascript",
        "d.css": "text/css",
        "e.unknown": "application/octet-stream",
        "f.whl": "application/zip",
        "g.svg": "image/svg+xml",
    }
    for name, kind in kinds.items():
        answer = static.get(f"/static/app/{name}")
        assert (answer.data, answer.mimetype) == (b"content", kind)
        assert answer.headers["Cache-Control"] == "no-cache"
        etag = answer.headers["ETag"]
        assert static.get(f"/static/app/{name}", if_none_match=etag).status_code == 304
    packed = static.get("/static/app/b.wasm", accept_encoding="br")
    assert (packed.mimetype, packed.headers["Content-Encoding"]) == ("application/wasm", "br")
    assert brotli.decompress(packed.data) == b"content"


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static/app",
        "/static/nothing",
        "/static/app/b.wasm.br",
        "/static/link.txt",
        "/static/../secret.txt",
        "/static/..%2fsecret.txt",
        "/static/%2e%2e/secret.txt",
        "/static//etc/passwd",
        "/static/app/%00",
        "/secret.txt",
    ],
)
def test_nothing_else_is_served(static: Api, path: str) -> None:
    answer = static.get(path)
    assert answer.status_code == 404
    assert "secret" not in answer.text.replace("secret.txt", "")


def test_the_page(api: Api) -> None:
    answer = api.get("/")
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    for inline in ("<script>", "<style", " style=", " onclick=", "javascript:"):
        assert inline not in answer.text


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/static/x", ROOT + "/status", ROOT + "/x", SHARD]
)
def test_every_answer_is_hardened(app: Flask, path: str, api: Api) -> None:
    answer = api.get(path)
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    policy = answer.headers["Content-Security-Policy"]
    assert "'wasm-unsafe-eval'" in policy
    assert "'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.usefixtures("pool")
@pytest.mark.parametrize("slash", ["", "/"])
def test_a_mirror_is_named_and_let_in(
    settings: Settings, database: Database, manifest: Manifest, slash: str
) -> None:
    mirror = "https://models.example.org:8443/dva"
    api = Api(create_app(dataclasses.replace(settings, model_mirror=mirror + slash), database))
    url = f"{ROOT}/bundles/{manifest.bundle}"
    told = api.ok(api.get(url), BundleSources)
    assert told.sources == [f"{mirror}/{manifest.bundle}/", f"{url}/"]
    problem(api.get(f"{ROOT}/bundles/{'0' * 32}"), 404, "not_found")
    for path in ("/", "/static/app/engine/worker.js"):
        policy = api.get(path).headers["Content-Security-Policy"]
        assert "connect-src 'self' https://models.example.org:8443;" in f"{policy};"
    assert "example.org" not in api.get("/admin").headers["Content-Security-Policy"]


@pytest.mark.usefixtures("pool")
def test_without_a_mirror_there_is_the_server(api: Api, manifest: Manifest) -> None:
    url = f"{ROOT}/bundles/{manifest.bundle}"
    assert api.ok(api.get(url), BundleSources).sources == [f"{url}/"]
    assert "connect-src 'self';" in api.get("/").headers["Content-Security-Policy"] + ";"


def test_the_pages_own_files_are_kept_for_ever_under_their_edition(
    static: Api, tmp_path: Path
) -> None:
    folder = tmp_path / "static"
    (folder / "css").mkdir()
    (folder / "css" / "base.css").write_text("a {}")
    first = edition(folder, "")
    assert first in static.get("/").text
    answer = static.get(f"/static/edition-{first}/app/c.js")
    assert (answer.data, answer.mimetype) == (b"content", "text/javascript")
    assert "immutable" in answer.headers["Cache-Control"]
    (folder / "css" / "base.css").write_text("b {} ")
    assert edition(folder, "") != first
    assert first not in static.get("/").text
    later = static.get(f"/static/edition-{first}/app/c.js")
    assert (later.data, later.headers["Cache-Control"]) == (b"content", "no-cache")
    for path in ("b.wasm.br", "../../secret.txt", "%2e%2e/%2e%2e/secret.txt"):
        assert static.get(f"/static/edition-{first}/app/{path}").status_code == 404


def test_long_answers_are_packed_for_who_takes_it(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = ROOT + "/status"
    short = api.get(address, accept_encoding="br")
    monkeypatch.setattr("server.web.PACK_FROM_BYTES", 10)
    packed = api.get(address, accept_encoding="gzip, br")
    assert packed.headers["Content-Encoding"] == "br"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert brotli.decompress(packed.data) == short.data
    for answer in (short, api.get(address), api.get(address, accept_encoding="gzip")):
        assert "Content-Encoding" not in answer.headers
        assert answer.data == short.data
