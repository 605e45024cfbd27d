"""Asking `server.selection.engine`."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pyarrow as pa

from server.errors import SelectionError
from server.selection import engine
from server.selection.engine import Question

LONGEST = 500
SIGN_OFF_S = 30


class Engine:
    """One process. One question at a time, its answer read to the end. `here`: it reads on this
    machine itself."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[str], here: bool) -> None:
        self._process, self._said, self.here = process, said, here

    def ask(self, question: Question) -> Iterator[pa.RecordBatch]:
        """Raises SelectionError where Daft can't answer."""
        process = self._process
        assert process.stdin is not None, "a pipe"
        assert process.stdout is not None, "a pipe"
        try:
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            with pa.ipc.open_stream(process.stdout) as stream:
                yield from stream
        except (pa.ArrowException, OSError) as error:
            process.wait()
            self._said.seek(0)
            reason = self._said.read().strip()[-LONGEST:] or error
            raise SelectionError(
                f"The scores can't be read: {reason}", code="scores_invalid"
            ) from error


@contextmanager
def asking(ray: str | None = None) -> Iterator[Engine]:
    """`ray`: the address of a cluster that does the work, instead of this machine. Raises
    SelectionError where Ray isn't installed."""
    if ray is not None and importlib.util.find_spec("ray") is None:
        raise SelectionError(
            "Ray isn't installed.",
            code="ray_missing",
            next_step=".venv/bin/python -m pip install -e '.[scale]'",
        )
    # The interpreter's own packages and nothing else: -I.
    command = [sys.executable, "-I", str(Path(engine.__file__)), *([ray] if ray else [])]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        try:
            yield Engine(process, said, ray is None)
        finally:
            # By now it has answered, or nobody wants the rest. One on Ray signs off first.
            if ray is not None and process.stdin is not None:
                with suppress(OSError, subprocess.TimeoutExpired):
                    process.stdin.close()
                    process.wait(SIGN_OFF_S)
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):
                        pipe.close()
