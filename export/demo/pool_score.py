"""The demo pool, scored and graded without any of the system: what its scores are held against."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq
from dva_agent.native.pairs import read_pairs
from PIL import Image

from export.demo import pool_kinds as kinds
from export.demo.metrics import auc, precision_at
from export.demo.scoring import Scorer


class PoolGrade(msgspec.Struct, frozen=True, kw_only=True):
    pairs_scored: int
    auc: float
    """Right pairs against all wrong ones."""
    auc_by_kind: dict[str, float]
    """Right pairs against those wrong in one way."""
    precision_at_10: float
    precision_at_20: float
    precision_at_30: float


def grade_pool(scorer: Scorer, folder: Path) -> PoolGrade:
    """Every pair of the pool that isn't broken."""
    truth = pq.read_table(folder / "truth.parquet").to_pydict()
    kind_of = dict(zip(truth["uid"], truth["kind"], strict=True))
    uids, images, captions = [], [], []
    for uid, image, caption in _pairs(folder):
        if kind_of[uid] != kinds.BROKEN:
            uids.append(uid)
            images.append(image)
            captions.append(caption)
    scores = (scorer.images(images) * scorer.texts(captions)).sum(axis=1)
    found = np.array([kind_of[uid] for uid in uids])
    labels = np.isin(found, list(kinds.RIGHT))
    wrong = [kind for kind in kinds.SHARES if kind not in kinds.RIGHT]
    return PoolGrade(
        pairs_scored=len(uids),
        auc=auc(scores[labels], scores[~labels]),
        auc_by_kind={kind: auc(scores[labels], scores[found == kind]) for kind in wrong},
        precision_at_10=precision_at(scores, labels, 0.1),
        precision_at_20=precision_at(scores, labels, 0.2),
        precision_at_30=precision_at(scores, labels, 0.3),
    )


def _pairs(folder: Path) -> Iterator[tuple[str, Image.Image, str]]:
    """(uid, picture, caption) of every pair that can be read."""
    for pair in read_pairs(folder):
        try:
            image = Image.open(io.BytesIO(pair.picture))
            image.load()
        except (OSError, Image.DecompressionBombError):
            continue  # broken
        yield msgspec.json.decode(pair.facts)["uid"], image, pair.caption
