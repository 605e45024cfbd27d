"""Registering bundles: checked, copied whole, once."""

from __future__ import annotations

from pathlib import Path

import brotli
import pytest
from dva_agent.errors import BundleError

from server.pools.bundles import all_registered, file_of, register, registered
from tests.server.pool_factory import FILES, write_bundle


def test_a_bundle_is_copied_whole(bundle_folder: Path, tmp_path: Path) -> None:
    manifest = register(bundle_folder, tmp_path)
    target = tmp_path / manifest.bundle
    for path, body in FILES.items():
        assert (target / path).read_bytes() == body
    packed = (target / "tokenizer" / "merges.txt.br").read_bytes()
    assert brotli.decompress(packed) == FILES["tokenizer/merges.txt"]
    assert [path.name for path in tmp_path.iterdir()] == [manifest.bundle]
    assert registered(tmp_path, manifest.bundle) == manifest
    assert register(bundle_folder, tmp_path) == manifest


def test_a_bundle_that_comes_later_is_found(bundle_folder: Path, tmp_path: Path) -> None:
    manifest = write_bundle(tmp_path / "source")
    assert registered(tmp_path / "bundles", manifest.bundle) is None
    register(tmp_path / "source", tmp_path / "bundles")
    assert registered(tmp_path / "bundles", manifest.bundle) == manifest


def test_a_bundle_of_another_version_is_as_if_it_werent_there(
    bundle_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / ("0" * 32)
    folder.mkdir()
    (folder / "manifest.json").write_text('{"format": 1}')
    assert registered(tmp_path, folder.name) is None
    manifest = register(bundle_folder, tmp_path)
    assert all_registered(tmp_path) == [manifest]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize("how", ["missing", "changed", "longer", "shorter"])
def test_a_damaged_bundle_leaves_nothing(tmp_path: Path, path: str, how: str) -> None:
    source = tmp_path / "source"
    write_bundle(source)
    body = FILES[path]
    damaged = {"changed": b"X" + body[1:], "longer": body + b"X", "shorter": body[:-1]}
    (source / path).unlink()
    if how in damaged:
        (source / path).write_bytes(damaged[how])
    with pytest.raises(BundleError):
        register(source, tmp_path / "bundles")
    assert list((tmp_path / "bundles").iterdir()) == []


@pytest.mark.parametrize("body", [b"", b"{}", b"[" * 100_000, bytes(5 << 20)])
def test_a_manifest_that_is_none(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(body)
    with pytest.raises(BundleError):
        register(tmp_path, tmp_path / "bundles")


def test_a_folder_that_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(BundleError):
        register(tmp_path / "nowhere", tmp_path / "bundles")


def test_only_listed_files_are_found(tmp_path: Path) -> None:
    write_bundle(tmp_path / "source")
    manifest = register(tmp_path / "source", tmp_path)
    (tmp_path / "secret").touch()
    for path in ("../secret", "/etc/passwd", "tokenizer", "tokenizer/merges.txt.br", "", "."):
        assert file_of(tmp_path, manifest, path) is None
    found = file_of(tmp_path, manifest, "image.onnx")
    assert found
    assert found[0].read_bytes() == FILES["image.onnx"]
