"""Into server/trust/noise: a file of differences, and its row of recorded.json."""

from __future__ import annotations

import hashlib
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from dva_agent.protocol import Rung

from server.trust import noise
from server.trust.noise import LIST, Recording, recordings
from tests.noise.sample import Sample, Scores, uid_of

FOLDER = Path(noise.__file__).parent


def keep(
    sample: Sample, engine: str, rung: Rung, found: Scores, how: dict[str, Any]
) -> npt.NDArray[np.float32]:
    """Writes both, in place of an earlier recording of the same engine. The differences, [N], in
    the pool's order. Captions that aren't UTF-8 are left out, as `read_pairs` leaves them."""
    truth = sample.truth
    uids = [uid for pair in sample.pairs if (uid := uid_of(pair)) in found]
    true = np.array([truth[uid] for uid in uids])
    differences = (np.array([found[uid] for uid in uids]) - true).astype("<f4")
    bundle = f"{sample.manifest.model.removeprefix('random:')}-{sample.manifest.weights}"
    body = np.stack([true.astype("<f4"), differences]).tobytes()
    name = f"{bundle}.{engine}.{rung}.f32"
    (FOLDER / name).write_bytes(body)
    row = Recording(
        file=name,
        sha256=hashlib.sha256(body).hexdigest(),
        bundle=bundle,
        engine=engine,
        rung=rung,
        pairs=len(uids),
        tolerance=sample.manifest.rung(rung).tolerance.score,
        how={
            **how,
            "bundle": sample.manifest.bundle,
            "onnxruntime": version("onnxruntime"),
            "processor": _processor(),
            "date": datetime.now(UTC).date().isoformat(),
            "command": " ".join(["python -m tests.noise", *sys.argv[1:]]),
        },
    )
    _list(row)
    return differences


def _list(row: Recording) -> None:
    rows = {each.file: each for each in (recordings() if (FOLDER / LIST).exists() else [])}
    rows[row.file] = row
    body = msgspec.json.encode([rows[file] for file in sorted(rows)])
    (FOLDER / LIST).write_bytes(msgspec.json.format(body, indent=1) + b"\n")


def _processor() -> str:
    """As Linux names it, else the architecture."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
