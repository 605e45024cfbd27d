"""Lists of uids to allow or deny: text, one a line, or an .npy in DataComp's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from server.errors import SelectionError
from server.selection import uids

MAX_LINE = 200


def read_list(path: Path) -> npt.NDArray[np.void]:
    """In DataComp's layout: sorted, each once. Takes the memory of the list. Raises
    SelectionError."""
    try:
        found = uids.read_layout(path) if path.suffix == ".npy" else _read_text(path)
    except (OSError, ValueError) as error:
        raise SelectionError(f"{path} can't be read: {error}", code="uids_invalid") from error
    return np.unique(found)


def write_halves(listed: npt.NDArray[np.void], path: Path) -> Path:
    """As the engine searches it."""
    np.save(path, np.stack((listed["f0"], listed["f1"])))
    return path


def _read_text(path: Path) -> npt.NDArray[np.void]:
    """Empty lines, and what follows a #, say nothing."""
    lines = []
    with path.open(encoding="utf-8") as file:
        for line in iter(lambda: file.readline(MAX_LINE), ""):
            if uid := line.partition("#")[0].strip():
                lines.append(uid)
    return uids.joined(*uids.halves(pa.array(lines, pa.string())))
