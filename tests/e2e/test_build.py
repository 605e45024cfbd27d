"""What webapp/build.py leaves in static/app/."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import zipfile

import brotli
import pytest

from tests.e2e.serving import ROOT

APP = ROOT / "static" / "app"
IMPORT = re.compile(r"""^(import|export)\b[^;'"]*?from\s+['"]([^'"]+)['"]""", re.MULTILINE)

pytestmark = pytest.mark.usefixtures("app")


def test_a_second_build_does_nothing() -> None:
    before = (APP / "built.json").stat().st_mtime_ns
    command = [sys.executable, str(ROOT / "webapp" / "build.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert (APP / "built.json").stat().st_mtime_ns == before


def test_packed_files_are_the_files() -> None:
    packed = list(APP.rglob("*.br"))
    assert len(packed) >= 10
    for path in packed:
        assert brotli.decompress(path.read_bytes()) == path.with_suffix("").read_bytes(), path


def test_the_lock_names_the_wheels_and_no_others() -> None:
    packages = json.loads((APP / "pyodide" / "pyodide-lock.json").read_bytes())["packages"]
    assert set(packages) == {"dva-agent", "ftfy", "msgspec", "wcwidth"}
    files = {package["file_name"] for package in packages.values()}
    assert files == {path.name for path in APP.glob("pyodide/*.whl")}
    for package in packages.values():
        content = (APP / "pyodide" / package["file_name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == package["sha256"]


def test_the_agent_travels_as_bytecode_without_its_native_engine() -> None:
    (wheel,) = APP.glob("pyodide/dva_agent-*.whl")
    names = [name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("dva_agent/")]
    assert "dva_agent/browser.pyc" in names
    assert [name for name in names if name.endswith(".py") or "native" in name] == []


def test_sources_are_served_as_they_are() -> None:
    for part in ("ui", "admin", "engine", "identity"):
        for source in (ROOT / "webapp" / part).rglob("*.js"):
            served = APP / source.relative_to(ROOT / "webapp")
            assert source.name == "libraries.js" or served.read_bytes() == source.read_bytes()


def test_packages_are_served_with_addresses_in_the_place_of_names() -> None:
    modules = [APP / "identity" / "libraries.js", *(APP / "identity" / "npm").rglob("*.js")]
    assert {path.parent.name for path in modules} >= {"bip39", "wordlists", "hashes", "ed25519"}
    for module in modules:
        for _, address in IMPORT.findall(module.read_text()):
            assert address.startswith("./") and (module.parent / address).is_file(), module


def test_licences_travel_along() -> None:
    texts = {path.name for path in APP.glob("licences/*.txt")}
    assert texts >= {"LICENSE.txt", "README.txt", "cpython.PSF.txt", "pyodide.MPL-2.0.txt"}
    assert texts >= {"noble-ed25519.MIT.txt", "noble-hashes.MIT.txt", "scure-bip39.MIT.txt"}
