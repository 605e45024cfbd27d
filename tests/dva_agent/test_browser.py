"""The Python half of the browser engine: what crosses the border, and how."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.web_app import ROOT, build_web_app


@pytest.fixture(scope="module")
def crossed() -> dict[str, Any]:
    """What browser_half.mjs prints, from the agent as it is built for the tab."""
    build_web_app()
    script = Path(__file__).with_name("browser_half.mjs")
    done = subprocess.run(
        ["node", script, ROOT / "static" / "app" / "pyodide"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_arguments_are_typed_arrays_and_plain_numbers(crossed: dict[str, Any]) -> None:
    assert crossed["got"] == {
        "fetch": ["unknown", -1, 0],
        "read": ["shard", "Float64Array", 0, 9],
        "pixels": ["Float64Array", -1, 0, 3, 4],
        "encodeTexts": ["Int32Array", 1, 1, 1, 3, 1],
        "similarity": ["images", ["texts", "texts"], [1, 0]],
        "sign": ["Uint8Array", 1, 0, 255],
    }


def test_answers_are_python(crossed: dict[str, Any]) -> None:
    seen = crossed["seen"]
    assert seen["properties"] == ["wasm", "node", 4]
    assert seen["parts"] == [[1], [2, 3]]
    assert seen["statuses"] == [0, 2]
    assert seen["scores"] == [0.5, -0.25]
    assert seen["checksums"] == ["a", "b"]
    assert seen["download"] == [9, 8]
    assert seen["identity"] == ["p256", "a" * 32, "d" * 65, "c" * 64]
    assert seen["signature"] == [7] * 64


def test_errors_are_of_our_tree(crossed: dict[str, Any]) -> None:
    assert [[code, more] for code, _, _, more in crossed["seen"]["errors"]] == [
        ["refused", 404],
        ["busy", 7.0],
        ["unreachable", None],
        ["device_lost", None],
        ["engine_failed", None],
    ]
    assert crossed["seen"]["errors"][0][2] == "look elsewhere"
    assert all(message for _, message, _, _ in crossed["seen"]["errors"])


def test_a_call_that_is_called_off_is_seen_out(crossed: dict[str, Any]) -> None:
    """The next one doesn't overlap it, and what came of it is released."""
    assert crossed["seen"]["called_off"] == "CancelledError"
    assert not crossed["overlapping"]
    assert crossed["released"] == ["images", "shard+other", "pixels"]
