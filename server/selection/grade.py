"""`dva grade`: how well a pool's scores tell right captions from wrong ones, where the truth is
known.

Truth is a table of uid and kind. `true` and `mojibake` (a right caption, its characters damaged in
a way that cleaning repairs) are right; `broken` pairs test the system, not the scores, and are left
out; every other kind is wrong in its own way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from server.config import Settings
from server.db import Database
from server.errors import PoolError
from server.pools import services as pools
from server.results.standing import Standing
from server.selection.scores import columns_of, shard_scores

RIGHT = frozenset({"true", "mojibake"})
LEFT_OUT = frozenset({"broken"})
CUTS = (10, 20, 30)
"""Percent of the graded pairs."""

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Graded:
    """A pool's scored pairs beside their truth, in the shards' order."""

    pool: str
    bundle: str
    kinds: npt.NDArray[np.str_]
    """[pairs_graded]"""
    scores: Floats
    """[pairs_graded], cosine similarity in [-1, 1]"""
    pairs_scored: int
    """Those that are left out too."""
    pairs_total: int


def graded(database: Database, settings: Settings, *, pool: str, state: Standing = "all") -> Graded:
    """Raises PoolError for a pool that is unknown, has no truth, or has none for a pair that was
    scored."""
    with database.read() as session:
        found = pools.get_pool(session, pool)
        shards = pools.shards_of(session, found)
    if not any(column.name == "score" for column in columns_of(found)):
        raise PoolError(
            f"The agent {found.agent} gives no score that could be graded.",
            code="nothing_to_grade",
            next_step="dva scores writes what it gives.",
        )
    truth = read_truth(pools.truth_path(settings, pool))
    kinds: list[str] = []
    scores: list[float] = []
    scored = 0
    for shard in shards:
        for table in shard_scores(database, settings, shard, state):
            for uid, score in zip(
                table["uid"].to_pylist(), table["score"].to_pylist(), strict=True
            ):
                if score is None:
                    continue
                scored += 1
                if uid not in truth:
                    raise PoolError(f"The truth says nothing about {uid}.", code="truth_invalid")
                if truth[uid] not in LEFT_OUT:
                    kinds.append(truth[uid])
                    scores.append(score)
    return Graded(
        pool=pool,
        bundle=found.bundle,
        kinds=np.array(kinds, dtype=np.str_),
        scores=np.array(scores, dtype=np.float64),
        pairs_scored=scored,
        pairs_total=sum(shard.pairs for shard in shards),
    )


def report(pairs: Graded) -> dict[str, Any]:
    """What `dva grade` prints. A measure that has no value (nothing right, or nothing wrong, was
    scored) is None."""
    return {
        "pool": pairs.pool,
        "bundle": pairs.bundle,
        **measures(pairs.kinds, pairs.scores),
        "pairs_graded": len(pairs.scores),
        "pairs_scored": pairs.pairs_scored,
        "pairs_total": pairs.pairs_total,
    }


def read_truth(path: Path) -> Mapping[str, str]:
    """uid -> kind. Raises PoolError if there is none, or it contradicts itself."""
    try:
        table = pq.read_table(path, columns=["uid", "kind"])
    except FileNotFoundError as error:
        raise PoolError(
            "This pool came without truth.parquet, so its scores can't be graded.",
            code="truth_missing",
            next_step="Put truth.parquet beside the shards and ingest again.",
        ) from error
    except (pa.ArrowException, OSError) as error:
        raise PoolError(f"{path} can't be read: {error}", code="truth_invalid") from error
    uids = table["uid"].to_pylist()
    truth = dict(zip(uids, table["kind"].to_pylist(), strict=True))
    if len(truth) != len(uids):
        raise PoolError(f"{path} has a uid twice.", code="truth_invalid")
    return truth


def measures(kinds: npt.NDArray[np.str_], scores: Floats) -> dict[str, Any]:
    """AUC of right against wrong, against each wrong kind, and precision at each cut."""
    right = np.isin(kinds, sorted(RIGHT))
    wrong = sorted(set(kinds[~right].tolist()))
    return {
        "auc": auc(scores[right], scores[~right]),
        "auc_by_kind": {kind: auc(scores[right], scores[kinds == kind]) for kind in wrong},
        **{f"precision_at_{cut}": precision(scores, right, cut) for cut in CUTS},
    }


def auc(right: Floats, wrong: Floats) -> float | None:
    """The share of (right, wrong) pairs in which the right one scores higher, ties counting half:
    the area under the ROC curve (Mann and Whitney's U over n1 n2). None if either is empty."""
    if not len(right) or not len(wrong):
        return None
    ordered = np.sort(wrong)
    below = np.searchsorted(ordered, right, side="left")
    not_above = np.searchsorted(ordered, right, side="right")
    return float((below + not_above).sum() / (2 * len(right) * len(wrong)))


def precision(scores: Floats, right: Bools, percent: int) -> float | None:
    """The share of right ones among the best `percent` of all. The cut is DataComp's: the
    threshold is the n-th largest score, n = floor(all * percent / 100) but at least 1, and
    everything at or above it is in; so ties at the cut are all in, and their order can't
    matter. None if there are no scores."""
    if not len(scores):
        return None
    count = max(1, len(scores) * percent // 100)
    threshold = np.partition(scores, len(scores) - count)[len(scores) - count]
    return float(right[scores >= threshold].mean())
