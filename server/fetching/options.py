"""What is asked of `dva fetch`, and how img2dataset is told it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import msgspec

from server.fetching.guarded import Limits
from server.fetching.layouts import FACES, SHA256, UID

Distributor = Literal["multiprocessing", "ray", "pyspark"]
SHARD_DIGITS = 8
QUALITY = 95
NOT_FOR_MODELS = ("noai", "noimageai", "noindex", "noimageindex")
"""X-Robots-Tag directives by which a site keeps its pictures out."""
USER_AGENT = "dva"
"""What sites may name in X-Robots-Tag; img2dataset adds it to what it says it is."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What decides about the bytes of shards: the same for a whole fetch, however often it stops.
    `image_size`: pixels of the longer side, which larger pictures are brought to, as DataComp's
    download does; smaller ones stay."""

    image_size: int
    shard_pairs: int
    verify_hash: bool
    blur_faces: bool


@dataclass(frozen=True, kw_only=True)
class Means:
    """How it is done: may change from one run to the next. `ray`, `spark`: the cluster's address;
    without either, processes of this machine."""

    processes: int
    threads: int
    timeout: int
    retries: int
    limits: Limits
    ray: str | None = None
    spark: str | None = None

    @property
    def distributor(self) -> Distributor:
        return "ray" if self.ray else "pyspark" if self.spark else "multiprocessing"


def told(
    shape: Shape, means: Means, staged: Path, out: Path, kept: tuple[str, ...]
) -> dict[str, Any]:
    """What guarded.py reads. `staged`: the folder of metadata; `kept`: its further columns."""
    faces = shape.blur_faces
    return {
        "limits": {
            "max_bytes": means.limits.max_bytes,
            "max_seconds": means.limits.max_seconds,
            "allow_private": means.limits.allow_private,
        },
        "spark": means.spark,
        "options": {
            "url_list": str(staged),
            "input_format": "parquet",
            "url_col": "url",
            "caption_col": "text",
            "save_additional_columns": [UID, *kept],
            "bbox_col": FACES if faces else None,
            "verify_hash": [SHA256, "sha256"] if shape.verify_hash else None,
            "compute_hash": "sha256",
            "output_folder": str(out),
            "output_format": "webdataset",
            "encode_format": "jpg",
            "encode_quality": QUALITY,
            "image_size": shape.image_size,
            "resize_mode": "keep_ratio_largest",
            "resize_only_if_bigger": True,
            "number_sample_per_shard": shape.shard_pairs,
            "oom_shard_count": SHARD_DIGITS,
            "extract_exif": False,
            "processes_count": means.processes,
            "thread_count": means.threads,
            "timeout": means.timeout,
            "retries": means.retries,
            "distributor": means.distributor,
            "incremental_mode": "incremental",
            "disallowed_header_directives": list(NOT_FOR_MODELS),
            "user_agent_token": USER_AGENT,
        },
    }
