"""A terminal's model comes from the mirror that the server names, or from the server."""

from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from dva_agent.bundle import Manifest
from dva_agent.native.store import BundleStore
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import ROOT
from werkzeug.serving import make_server

from server import create_app
from server.config import Settings
from server.db import Database
from server.migrations import migrate
from server.pools.bundles import register
from tests.mirror import mirroring

Mirror = tuple[Path, str, list[str]]


@pytest.fixture
def mirror(demo_bundle: Path, manifest: Manifest, tmp_path: Path) -> Iterator[Mirror]:
    """The bundle's folder there, the address of all, and what it is asked for."""
    folder = tmp_path / "mirror" / "models" / manifest.bundle
    shutil.copytree(demo_bundle, folder)
    with mirroring(tmp_path / "mirror") as (origin, asked):
        yield folder, f"{origin}/models", asked


@pytest.fixture
def server(demo_bundle: Path, tmp_path: Path, mirror: Mirror) -> Iterator[tuple[str, Path]]:
    """The address of a server with that mirror, and its data folder."""
    settings = Settings(data=tmp_path / "data", model_mirror=mirror[1])
    register(demo_bundle, settings.bundles)
    database = Database(settings.database_url)
    migrate(database)
    running = make_server("127.0.0.1", 0, create_app(settings, database), threaded=True)
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{running.port}", settings.data
    running.shutdown()
    thread.join()
    running.server_close()
    database.close()


def fetched(server: str, manifest: Manifest, cache: Path) -> Path:
    async def go() -> Path:
        transport = HttpTransport()
        try:
            store = BundleStore(cache=cache, transport=transport, progress=lambda done, total: None)
            return await store.towers(manifest, f"{server}{ROOT}/bundles/{manifest.bundle}/")
        finally:
            await transport.close()

    return asyncio.run(go())


def paths(manifest: Manifest) -> list[str]:
    return list(manifest.rung("native").paths)


def test_all_of_it_comes_from_the_mirror(
    server: tuple[str, Path], mirror: Mirror, manifest: Manifest, tmp_path: Path
) -> None:
    # What isn't on the server any more can't have come from there.
    for path in paths(manifest):
        for file in (server[1] / "bundles" / manifest.bundle).glob(f"{path}*"):
            file.unlink()
    folder = fetched(server[0], manifest, tmp_path / "cache")
    for path in paths(manifest):
        assert (folder / path).read_bytes() == (mirror[0] / path).read_bytes()


@pytest.mark.parametrize("harm", ["changed", "short", "missing", "gone"])
def test_the_server_stands_in(
    server: tuple[str, Path],
    mirror: Mirror,
    manifest: Manifest,
    demo_bundle: Path,
    tmp_path: Path,
    harm: str,
) -> None:
    folder, _, asked = mirror
    first = folder / paths(manifest)[0]
    body = first.read_bytes()
    if harm == "gone":
        shutil.rmtree(folder)
    elif harm == "missing":
        first.unlink()
    else:
        first.write_bytes({"changed": b"x" + body[1:], "short": body[:-9]}[harm])
    cached = fetched(server[0], manifest, tmp_path / "cache")
    for path in paths(manifest):
        assert (cached / path).read_bytes() == (demo_bundle / path).read_bytes()
    assert len(asked) == 1, "a mirror that failed isn't asked again"
