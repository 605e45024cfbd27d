"""A few pairs of the demo pool, among them all its broken ones."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import pyarrow.parquet as pq

from tests.e2e.serving import ROOT

DEMO_POOL = ROOT / "build" / "demo-pool"


def write_small_pool(folder: Path, *, shards: int, pairs: int) -> Path:
    """`shards` tars of `pairs` whole pairs each, and the broken pairs of the same shards."""
    truth = pq.read_table(DEMO_POOL / "truth.parquet").to_pylist()
    broken = {row["uid"] for row in truth if row["kind"] == "broken"}
    for number in range(shards):
        name = f"{number:05d}.tar"
        with tarfile.open(DEMO_POOL / name) as source, tarfile.open(folder / name, "w") as target:
            left = pairs
            for members in _pairs(source):
                is_broken = any(uid.encode() in body for _, body in members for uid in broken)
                if not is_broken and left == 0:
                    continue
                left -= not is_broken
                for info, body in members:
                    target.addfile(info, io.BytesIO(body))
    described = json.loads((DEMO_POOL / "pool.json").read_bytes())
    kept = {name: described[name] for name in ("title", "licence", "attribution", "safe")}
    (folder / "pool.json").write_text(json.dumps(kept))
    return folder


def whole_pairs(folder: Path) -> Iterator[tuple[str, bytes, str]]:
    """uid, picture and caption of the pairs that have both."""
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for members in _pairs(tar):
                parts = {info.name.split(".")[-1]: body for info, body in members}
                picture = next(
                    (parts[kind] for kind in ("jpg", "png", "webp") if kind in parts), None
                )
                caption = parts.get("txt", b"\xff").decode(errors="ignore")
                if picture and caption:
                    yield json.loads(parts["json"])["uid"], picture, caption


def _pairs(tar: tarfile.TarFile) -> Iterator[list[tuple[tarfile.TarInfo, bytes]]]:
    for _, group in groupby(tar, key=lambda info: info.name.split(".")[0]):
        read = ((info, tar.extractfile(info)) for info in group)
        yield [(info, body.read()) for info, body in read if body is not None]
