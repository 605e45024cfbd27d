"""Packed copies of a bundle's files: where they pay, and what they unpack to."""

from __future__ import annotations

from pathlib import Path

import brotli
import numpy as np
import pytest
from dva_agent.errors import BundleError

from server.doctor import checkout
from server.pools import packing
from server.pools.bundles import register
from server.pools.packing import pack, packed_name, packed_sha256
from tests.server.pool_factory import FILES, write_bundle


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "weights.bin"


def weights(count: int) -> bytes:
    """As quantizing leaves them: a bell of integers, with little to take off."""
    drawn = np.random.default_rng(0).normal(0, 40, count)
    return np.clip(np.rint(drawn), -127, 127).astype(np.int8).tobytes()


@pytest.mark.parametrize(
    ("body", "pays"),
    [
        (b"", False),
        (b"x", False),
        (np.random.default_rng(0).bytes(300_000), False),
        (weights(packing.LARGE_BYTES * 2 + 1), True),
        (b"a b\n" * 10_000, True),
    ],
)
def test_a_copy_is_kept_where_it_pays(file: Path, body: bytes, pays: bool) -> None:
    file.write_bytes(body)
    pack(file)
    copy = packed_name(file)
    assert copy.exists() == pays
    assert file.read_bytes() == body
    if pays:
        assert brotli.decompress(copy.read_bytes()) == body
        assert copy.stat().st_size <= packing.WORTH * len(body)


@pytest.mark.parametrize("harm", ["cut", "longer", "noise"])
def test_a_damaged_copy_is_told(file: Path, harm: str) -> None:
    file.write_bytes(b"a b\n" * 10_000)
    pack(file)
    copy = packed_name(file)
    whole = copy.read_bytes()
    harmed = {"cut": whole[:-3], "longer": whole + b"\0" * 99, "noise": b"\xff" * 40}
    copy.write_bytes(harmed[harm])
    with pytest.raises(BundleError):
        packed_sha256(copy)


def test_no_file_lies_where_a_packed_copy_would(tmp_path: Path) -> None:
    write_bundle(tmp_path / "source", {**FILES, "text.onnx.br": b"something else"})
    with pytest.raises(BundleError):
        register(tmp_path / "source", tmp_path / "bundles")


def test_the_doctor_looks_into_packed_copies(tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "source")
    register(tmp_path / "source", tmp_path)
    folder = tmp_path / manifest.bundle
    assert checkout.bundle("bundle", folder, "do").state == "ok"
    (folder / "text.onnx.br").write_bytes(brotli.compress(b"something else"))
    found = checkout.bundle("bundle", folder, "do")
    assert (found.state, "text.onnx.br" in found.says) == ("problem", True)
