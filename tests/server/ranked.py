"""Rankings of made-up scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from server.workbench.ranking import RECORD, Ranking, Records, Writer


def records(scores: Sequence[float], *, first: int = 0) -> Records:
    """The number of each is its uid's lower half and its unit's number."""
    made = np.zeros(len(scores), RECORD)
    made["score"] = scores
    made["low"] = made["unit"] = np.arange(first, first + len(scores))
    return made


def ranking(
    folder: Path, scores: Sequence[float], *, name: str = "x", room: int = 5, part: int = 3
) -> Ranking:
    """Written `part` at a time, with room for `room`."""
    folder.mkdir(exist_ok=True)
    writer = Writer(folder, name, room)
    for first in range(0, len(scores), part):
        writer.add(records(scores[first : first + part], first=first))
    writer.finish()
    return Ranking.read(folder, name)
