"""DataComp's way of a cut, written anew after its baselines (apply_filter.py): all scores in memory
and sorted, then the uids of each table read as Python's strings by a process a core.

    python -m server.bench.select_datacomp SCORES SHARE MEMBERS.npy
"""

from __future__ import annotations

import os
import sys
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from server.selection.uids import LAYOUT


def main(scores: Path, share: float, out: Path) -> None:
    files = sorted(scores.glob("*.parquet"))
    with Pool(os.cpu_count()) as workers:
        every = np.concatenate(list(workers.imap_unordered(_scores, files)))
    threshold = -np.sort(-every)[int(len(every) * share)]
    with Pool(os.cpu_count()) as workers:
        kept = list(workers.imap_unordered(partial(_members, threshold=threshold), files))
    members = np.concatenate(kept)
    members.sort()
    np.save(out, members)


def _scores(file: Path) -> npt.NDArray[np.float32]:
    scores: npt.NDArray[np.float32] = pq.read_table(file, columns=["score"])["score"].to_numpy()
    return scores


def _members(file: Path, threshold: np.float32) -> npt.NDArray[np.void]:
    table = pq.read_table(file, columns=["uid", "score"])
    kept = table.filter(table["score"].to_numpy() >= threshold)["uid"].to_pylist()
    return np.array([(int(uid[:16], 16), int(uid[16:32], 16)) for uid in kept], LAYOUT)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))
