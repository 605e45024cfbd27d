"""img2dataset as a process: started, watched by the `_stats.json` that it writes for each finished
shard, and stopped with us."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from server.fetching import guarded
from server.fetching.environment import variables

TOLD = "told.json"
LOG = "img2dataset.log"
LOOK_S = 0.5
GRACE_S = 5.0
STATS = "_stats.json"


class Watch:
    """How many pairs of finished shards there are; each file is read once."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._pairs: dict[str, int] = {}

    def pairs(self) -> int:
        for path in self._out.glob(f"*{STATS}"):
            if path.name not in self._pairs:
                # It may be half written just now: then it counts at the next look.
                with suppress(ValueError, KeyError, OSError):
                    self._pairs[path.name] = int(json.loads(path.read_bytes())["count"])
        return sum(self._pairs.values())


def finished_shards(out: Path) -> set[str]:
    return {path.name.removesuffix(STATS) for path in out.glob(f"*{STATS}")}


def run(
    python: Path,
    told: Mapping[str, Any],
    *,
    out: Path,
    folder: Path,
    progress: Callable[[int], None],
    ray: str | None = None,
) -> int:
    """Its exit status. What it says goes to img2dataset.log in `folder`. `progress(pairs)` is
    called twice a second. However this ends, all of its processes have ended too."""
    where = folder.resolve() / TOLD
    where.write_text(json.dumps(told, indent=1))
    environment = variables(dict(os.environ))
    if ray is not None:
        environment["RAY_ADDRESS"] = ray
    # Spark's workers would take whatever is called python3.
    environment.setdefault("PYSPARK_PYTHON", str(python))
    watch = Watch(out)
    with (folder / LOG).open("ab") as log:
        # The pipe is how it notices that we are gone; in its own session, Ctrl-C is ours alone.
        process = subprocess.Popen(  # noqa: S603
            [str(python), "-I", guarded.__file__, str(where)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            cwd=folder,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                progress(watch.pairs())
                time.sleep(LOOK_S)
            progress(watch.pairs())
            return process.returncode
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """The whole group: a worker may outlive its parent."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin
    process.stdin.close()
