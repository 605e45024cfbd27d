"""Asking `server.selection.engine`."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pyarrow as pa

from server.errors import SelectionError
from server.selection import engine
from server.selection.engine import Question

LONGEST = 500


class Engine:
    """One process. One question at a time, its answer read to the end."""

    def __init__(self, process: subprocess.Popen[bytes], said: IO[str]) -> None:
        self._process, self._said = process, said

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
def asking() -> Iterator[Engine]:
    # The interpreter's own packages and nothing else: -I.
    command = [sys.executable, "-I", str(Path(engine.__file__))]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said
        )
        try:
            yield Engine(process, said)
        finally:
            # By now it has answered, or nobody wants the rest.
            process.kill()
            process.communicate()
