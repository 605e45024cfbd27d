from __future__ import annotations

import asyncio
import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from dva_agent.bundle import Manifest
from dva_agent.errors import BundleError, Refused, RungUnavailable, Unreachable
from dva_agent.native.store import BundleStore
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import Span


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def mirror(demo_bundle: Path, manifest: Manifest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A plain file server (it doesn't know Range) with a copy of both towers, and its folder."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    for name in manifest.rung("native").paths:
        (folder / name).write_bytes((demo_bundle / name).read_bytes())
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Handler, directory=folder)
    ) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", folder
        server.shutdown()
        thread.join()


def towers(cache: Path, manifest: Manifest, url: str) -> tuple[Path, list[tuple[int, int]]]:
    told: list[tuple[int, int]] = []

    async def go() -> Path:
        transport = HttpTransport()
        try:
            store = BundleStore(
                cache=cache, transport=transport, progress=lambda *step: told.append(step)
            )
            return await store.towers(manifest, url)
        finally:
            await transport.close()

    return asyncio.run(go()), told


def test_a_model_is_downloaded_once(
    mirror: tuple[str, Path], tmp_path: Path, manifest: Manifest
) -> None:
    url, folder = mirror
    cached, told = towers(tmp_path / "cache", manifest, url)
    assert (cached / "image.onnx").read_bytes() == (folder / "image.onnx").read_bytes()
    total = sum(manifest.file(name).bytes for name in manifest.rung("native").paths)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    (folder / "image.onnx").unlink()
    again, _ = towers(tmp_path / "cache", manifest, url)
    assert again == cached


def test_a_damaged_copy_is_fetched_anew(
    mirror: tuple[str, Path], tmp_path: Path, manifest: Manifest
) -> None:
    cached, _ = towers(tmp_path / "cache", manifest, mirror[0])
    body = bytearray((cached / "text.onnx").read_bytes())
    body[100] ^= 1
    (cached / "text.onnx").write_bytes(body)
    towers(tmp_path / "cache", manifest, mirror[0])
    assert (cached / "text.onnx").read_bytes() == (mirror[1] / "text.onnx").read_bytes()


@pytest.mark.parametrize("damage", ["changed", "short", "long"])
def test_wrong_bytes_are_not_kept(
    mirror: tuple[str, Path], tmp_path: Path, manifest: Manifest, damage: str
) -> None:
    url, folder = mirror
    body = (folder / "image.onnx").read_bytes()
    changed = {"changed": b"x" + body[1:], "short": body[:-9], "long": body + b"x"}
    (folder / "image.onnx").write_bytes(changed[damage])
    with pytest.raises(BundleError):
        towers(tmp_path / "cache", manifest, url)
    assert [path for path in (tmp_path / "cache").rglob("*") if path.is_file()] == []


def test_a_missing_file_and_a_missing_server(
    mirror: tuple[str, Path], tmp_path: Path, manifest: Manifest
) -> None:
    url, folder = mirror
    (folder / "image.onnx").unlink()
    with pytest.raises(Refused):
        towers(tmp_path / "cache", manifest, url)
    with pytest.raises(Unreachable):
        towers(tmp_path / "cache", manifest, "http://127.0.0.1:9/")


def test_a_cache_that_cannot_be_written(
    mirror: tuple[str, Path], tmp_path: Path, manifest: Manifest
) -> None:
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(RungUnavailable):
        towers(tmp_path / "cache", manifest, mirror[0])


def fetched(url: str, span: Span | None, limit: int = 1 << 20) -> bytes:
    async def go() -> bytes:
        transport = HttpTransport()
        try:
            return await transport.fetch(url, span, limit)
        finally:
            await transport.close()

    return asyncio.run(go())


def test_a_span_is_never_answered_with_something_else(mirror: tuple[str, Path]) -> None:
    """This server answers a Range with the whole file."""
    url, folder = mirror
    (folder / "shard").write_bytes(bytes(5000))
    with pytest.raises(Refused):
        fetched(url + "shard", Span(start=10, size=100))
    assert fetched(url + "shard", Span(start=10, size=0)) == b""
    assert fetched(url + "shard", None) == bytes(5000)


def test_memory_is_bounded(mirror: tuple[str, Path]) -> None:
    url, folder = mirror
    (folder / "shard").write_bytes(bytes(5000))
    with pytest.raises(Refused):
        fetched(url + "shard", None, limit=4000)
    with pytest.raises(Refused):
        fetched(url + "shard", Span(start=0, size=5000), limit=4000)
    with pytest.raises(Refused):
        fetched("http://dva.test:port/", None)
