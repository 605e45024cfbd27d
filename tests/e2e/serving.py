"""A real `dva serve` for the length of a `with`, and the other commands around it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
POOL = "small"


def dva(*arguments: str, **settings: str) -> str:
    """Run one command to its end: what it printed. Settings are environment variables."""
    command = [str(Path(sys.executable).with_name("dva")), *arguments]
    done = subprocess.run(
        command, env={**os.environ, **settings}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def serving(data: Path, **settings: str) -> Iterator[str]:
    """Origin, such as http://127.0.0.1:41213, of a server over the data folder."""
    command = [str(Path(sys.executable).with_name("dva")), "serve", "--data", str(data)]
    log = (data / "serve.log").open("w+")
    with (
        log,
        subprocess.Popen(
            [*command, "--port", "0"],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as server,
    ):
        assert server.stdout is not None
        line = server.stdout.readline()
        assert line.startswith("DVA is at http://"), (data / "serve.log").read_text()
        try:
            yield line.split()[-1]
        finally:
            server.terminate()
            server.wait(timeout=90)


def ingest(
    shards: Path | str,
    bundle: Path,
    data: Path,
    *options: str,
    unit_pairs: int,
    **settings: str,
) -> None:
    """`shards`: a folder, or a URL."""
    arguments = ("ingest", POOL, str(shards), "--bundle", str(bundle), "--data", str(data))
    dva(*arguments, *options, DVA_UNIT_PAIRS=str(unit_pairs), **settings)


def scores(data: Path, out: Path) -> dict[str, dict[str, Any]]:
    """uid -> row of `dva scores`. No uid may be there twice."""
    dva("scores", POOL, "--data", str(data), "--out", str(out))
    rows = [
        row for file in sorted(out.glob("*.parquet")) for row in pq.read_table(file).to_pylist()
    ]
    by_uid = {row["uid"]: row for row in rows}
    assert len(by_uid) == len(rows)
    return by_uid


def pool_status(origin: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{origin}/api/v1/status") as answer:
        (pool,) = json.load(answer)["pools"]
    return pool


def until(holds: Callable[[], bool], *, seconds: float = 30.0) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)
