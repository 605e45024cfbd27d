from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from dva_agent.bundle import Manifest, decode_manifest

from tests.dva_agent.world import World, world, write_pool

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo_bundle() -> Path:
    """The committed demo bundle."""
    return ROOT / "static" / "models" / "demo-q8"


@pytest.fixture(scope="session")
def manifest(demo_bundle: Path) -> Manifest:
    return decode_manifest((demo_bundle / "manifest.json").read_bytes())


@pytest.fixture(scope="session")
def small_pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pool(tmp_path_factory.mktemp("small-pool"))


@pytest.fixture
def here(
    tmp_path: Path, small_pool: Path, demo_bundle: Path, manifest: Manifest
) -> Iterator[World]:
    with world(tmp_path / "data", small_pool, demo_bundle, manifest) as made:
        yield made


@pytest.fixture
def counting(
    tmp_path: Path, small_pool: Path, demo_bundle: Path, manifest: Manifest
) -> Iterator[World]:
    """A server whose pool is for counting captions, without a model."""
    with world(
        tmp_path / "data", small_pool, demo_bundle, manifest, agent="caption-statistics"
    ) as made:
        yield made
