"""Shards: pairs as tar members, in img2dataset's layout, with nothing that depends on the day.

A pair is `<key>.<jpg|png|webp>`, `<key>.txt` and `<key>.json`; the key is five digits of the shard
and four of the pair in it.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True, kw_only=True)
class Sample:
    uid: str
    extension: str
    image: bytes | None
    caption: bytes | None
    width: int
    height: int


def write_shard(path: Path, number: int, samples: Iterable[Sample]) -> str:
    """Write one shard. Returns the sha256 of its bytes."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for position, sample in enumerate(samples):
            key = f"{number:05d}{position:04d}"
            if sample.image is not None:
                _add(tar, f"{key}.{sample.extension}", sample.image)
            _add(tar, f"{key}.json", _description(key, sample))
            if sample.caption is not None:
                _add(tar, f"{key}.txt", sample.caption)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _add(tar: tarfile.TarFile, name: str, body: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(body)
    info.mode = 0o644
    tar.addfile(info, io.BytesIO(body))


def _description(key: str, sample: Sample) -> bytes:
    """What img2dataset says of a download; the address is made up and never fetched."""
    return msgspec.json.encode(
        {
            "uid": sample.uid,
            "key": key,
            "url": f"https://demo.invalid/{sample.uid}.{sample.extension}",
            "caption": (sample.caption or b"").decode(errors="replace"),
            "status": "success",
            "error_message": None,
            "width": sample.width,
            "height": sample.height,
            "original_width": sample.width,
            "original_height": sample.height,
            "exif": "{}",
            "sha256": hashlib.sha256(sample.image or b"").hexdigest(),
        }
    )
