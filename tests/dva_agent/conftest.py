from __future__ import annotations

from pathlib import Path

import pytest
from dva_agent.bundle import Manifest, decode_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def demo_bundle() -> Path:
    """The committed demo bundle."""
    return ROOT / "static" / "models" / "demo-q8"


@pytest.fixture(scope="session")
def manifest(demo_bundle: Path) -> Manifest:
    return decode_manifest((demo_bundle / "manifest.json").read_bytes())
