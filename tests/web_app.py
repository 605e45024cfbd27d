"""static/app/, built for the tests that load it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from filelock import FileLock

ROOT = Path(__file__).resolve().parents[1]


def build_web_app() -> None:
    """static/app/ is up to date. Of the processes that share a suite, one at a time sees to it."""
    (ROOT / "build").mkdir(exist_ok=True)
    with FileLock(ROOT / "build" / "app.lock"):
        subprocess.run([sys.executable, str(ROOT / "webapp" / "build.py")], check=True)
