"""The golden pairs that go into every bundle: encoded pictures, and captions plain and odd.

The same files for every model; what a model makes of them is computed at export
(export/expected.py). Drawn by `python -m export.golden.draw`, which needs node_modules; the result
is committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec

PICTURES = Path(__file__).parent / "pictures"
PAIRS = Path(__file__).parent / "pairs.json"


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    picture: str
    """File name within `PICTURES`."""
    caption: str


@dataclass(frozen=True, kw_only=True)
class Golden:
    pair: Pair
    body: bytes
    """The encoded picture."""


def golden_pairs() -> list[Golden]:
    """All of them, in a fixed order."""
    pairs = msgspec.json.decode(PAIRS.read_bytes(), type=list[Pair])
    return [Golden(pair=pair, body=(PICTURES / pair.picture).read_bytes()) for pair in pairs]
