"""docs/licences.md lists what the lock files do, with a licence for each."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
TOOL = [sys.executable, str(ROOT / "setup" / "licences.py")]
LISTED = (ROOT / "docs" / "licences.md").read_text()


def test_the_list_is_current() -> None:
    done = subprocess.run([*TOOL, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_licence_is_known() -> None:
    rows = [line for line in LISTED.splitlines() if line.startswith("| `")]
    assert len(rows) > 100
    for row in rows:
        assert "see the package" not in row
        assert "not installed" not in row


def test_what_is_served_is_what_the_page_says() -> None:
    page = (ROOT / "webapp" / "licences" / "README.txt").read_text().lower()
    for name in ("onnxruntime-web", "pyodide", "ftfy", "wcwidth", "msgspec"):
        [row] = {
            line
            for line in LISTED.splitlines()
            if line.startswith(f"| `{name}`") and line.endswith("| yes |")
        }
        assert row
        assert name in page
