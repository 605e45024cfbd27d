"""How far honest engines are from native fp32: differences that real engines made, kept as data.

`python -m tests.noise` records them. Each file beside this one holds little-endian float32, [2, N]:
first the scores of native fp32, then what the engine's scores were above them; recorded.json says
of each which engine made it, and how.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from dva_agent.protocol import Rung

LIST = "recorded.json"


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """A row of recorded.json."""

    file: str
    sha256: str
    bundle: str
    """What was exported and how its weights are stored, such as demo-q8."""
    engine: str
    """Of whom: the browser and adapter, or how native onnxruntime was run."""
    rung: Rung
    pairs: int
    tolerance: float
    """Largest absolute difference of a score that the bundle's self-test lets this rung have."""
    how: dict[str, Any]
    """The road, versions, adapter, day and command, for people."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Noise:
    """What one engine on one rung made of some pairs of one bundle."""

    bundle: str
    engine: str
    rung: Rung
    tolerance: float
    truth: npt.NDArray[np.float32]
    """[N], native fp32's scores"""
    differences: npt.NDArray[np.float32]
    """[N], the engine's score minus native fp32's, pair by pair"""


def recorded() -> list[Noise]:
    """All that is kept, in recorded.json's order. Raises ValueError for a file that isn't the
    one that was recorded."""
    return [_read(recording) for recording in recordings()]


def recordings() -> list[Recording]:
    body = (resources.files(__name__) / LIST).read_bytes()
    return msgspec.json.decode(body, type=list[Recording])


def _read(recording: Recording) -> Noise:
    body = (resources.files(__name__) / recording.file).read_bytes()
    if hashlib.sha256(body).hexdigest() != recording.sha256:
        raise ValueError(f"{recording.file} isn't what was recorded.")
    truth, differences = np.frombuffer(body, "<f4").reshape(2, recording.pairs)
    return Noise(
        bundle=recording.bundle,
        engine=recording.engine,
        rung=recording.rung,
        tolerance=recording.tolerance,
        truth=truth,
        differences=differences,
    )
