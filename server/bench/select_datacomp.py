"""DataComp's way of a cut, written anew after its baselines (apply_filter.py, utils.py): by pandas,
a process a core, started anew for each of two rounds.

The first round reads the scores of all tables into one frame, which is sorted for the threshold.
The second reads uids and scores of each table, and makes two numbers of each uid that is kept, in a
loop of Python. Left out is what its command loads beside (torch, fasttext) and its progress bars.

    build/fetch/bin/python -P server/bench/select_datacomp.py SCORES SHARE MEMBERS.npy
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import fsspec
import numpy as np
import numpy.typing as npt
import pandas as pd


def main(scores: str, share: float, out: str) -> None:
    multiprocessing.set_start_method("spawn")
    system, folder = fsspec.core.url_to_fs(scores)
    files = [str(path) for path in system.ls(folder) if ".parquet" in path]
    read = partial(pd.read_parquet, columns=["score"], filesystem=system)
    every = pd.concat(_each(read, files))
    threshold = -np.sort(-every["score"].values)[int(len(every) * share)]
    kept = _each(partial(_members, threshold=threshold), [(system, path) for path in files])
    members = np.concatenate(kept)
    members.sort()
    np.save(out, members)


def _each(work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    with multiprocessing.Pool(os.cpu_count()) as workers:
        return list(workers.imap_unordered(work, items))


def _members(place: tuple[Any, str], *, threshold: float) -> npt.NDArray[np.void]:
    system, path = place
    table = pd.read_parquet(path, columns=["uid", "score"], filesystem=system)
    kept = table[table["score"] >= threshold]["uid"].values
    pairs = [(int(uid[:16], 16), int(uid[16:32], 16)) for uid in kept]
    return np.array(pairs, np.dtype("u8,u8"))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
