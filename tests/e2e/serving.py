"""A real `dva serve` for the length of a `with`."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DVA = Path(sys.executable).with_name("dva")


@contextmanager
def serving(data: Path) -> Iterator[str]:
    """Origin, such as http://127.0.0.1:41213, of a server over the data folder."""
    command = [str(DVA), "serve", "--data", str(data), "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stderr is not None
        log: list[str] = []
        errors = server.stderr
        reader = threading.Thread(target=lambda: log.extend(errors), daemon=True)
        reader.start()
        line = server.stdout.readline()
        assert line.startswith("DVA is at http://"), "".join(log)
        try:
            yield line.split()[-1]
        finally:
            server.terminate()
            server.wait(timeout=30)
