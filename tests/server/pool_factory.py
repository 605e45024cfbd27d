"""Small pools and bundles, made on the spot: what a server stores doesn't depend on what is in
them."""

from __future__ import annotations

import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from dva_agent.bundle import (
    Expected,
    FileEntry,
    GoldenPair,
    GoldenSet,
    Licence,
    Manifest,
    Preprocessing,
    RungSpec,
    TokenizerSpec,
    Tolerance,
    Tower,
    bundle_id,
)
from PIL import Image

CONTEXT, DIMENSIONS = 32, 4
GOLDEN_SCORES = [number / 64 - 0.25 for number in range(32)]
"""Far enough from each other for made-up ones to be told from them."""

NOWHERE = struct.pack(f"<{DIMENSIONS}f", 1, *[0] * (DIMENSIONS - 1))


def golden_pairs(scores: Iterable[float]) -> bytes:
    """A golden.json that says of one picture what it scores, again and again."""
    pairs = [
        GoldenPair(
            image="golden/0.png",
            caption="a picture",
            ids=[0] * CONTEXT,
            pixels_sha256="0" * 64,
            expected={
                "f32": Expected(image_embedding=NOWHERE, text_embedding=NOWHERE, score=score)
            },
        )
        for score in scores
    ]
    return msgspec.json.encode(GoldenSet(pairs=pairs))


FILES = {
    "image.onnx": b"an image tower",
    "image.0.bin": b"its tensors",
    "text.onnx": b"a text tower",
    "tokenizer/merges.txt": b"a b\n" * 600,
    "golden/golden.json": golden_pairs(GOLDEN_SCORES),
    "golden/0.png": b"a picture",
    "LICENSE.txt": b"Free.",
}


RUNG = RungSpec(
    image=Tower(path="image.onnx", data_paths=("image.0.bin",)),
    text=Tower(path="text.onnx"),
    arithmetic="f32",
    tolerance=Tolerance(score=1e-3, embedding=1e-3, derived="Made up."),
)


def write_bundle(folder: Path, files: Mapping[str, bytes] = FILES, **changes: Any) -> Manifest:
    """A bundle that is whole as far as a server can tell. Its towers are no models. `changes`: to
    its manifest."""
    for path, body in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(body)
    manifest = Manifest(
        format=2,
        bundle="0" * 32,
        name="Test",
        model="test",
        weights="fp32",
        about="For tests.",
        demo=True,
        embedding_dim=DIMENSIONS,
        parameters=1,
        gflops_per_pair=0.1,
        preprocessing=Preprocessing(
            size=64,
            resize="shortest",
            interpolation="bicubic",
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
        ),
        tokenizer=TokenizerSpec(
            kind="clip-bpe",
            merges_path="tokenizer/merges.txt",
            merges=600,
            context_length=CONTEXT,
            vocab_size=1114,
        ),
        rungs=dict.fromkeys(("native", "wasm"), RUNG),
        golden_path="golden/golden.json",
        licence=Licence(name="CC0", url="", attribution="", path="LICENSE.txt"),
        files=[
            FileEntry(path=path, bytes=len(body), sha256=hashlib.sha256(body).hexdigest())
            for path, body in files.items()
        ],
    )
    manifest = msgspec.structs.replace(manifest, **changes)
    manifest = msgspec.structs.replace(manifest, bundle=bundle_id(manifest))
    (folder / "manifest.json").write_bytes(msgspec.json.encode(manifest))
    return manifest


def picture(number: int) -> bytes:
    """A small JPEG, another for each number."""
    image = Image.new("RGB", (16, 16), (number % 256, number // 256 % 256, 99))
    body = io.BytesIO()
    image.save(body, "JPEG")
    return body.getvalue()


def members(first: int, pairs: int, *, uids: bool = True) -> Iterable[tuple[str, bytes]]:
    """Name and content, in img2dataset's order."""
    for number in range(first, first + pairs):
        key = f"{number:09d}"
        yield f"{key}.jpg", picture(number)
        if uids:
            yield f"{key}.json", json.dumps({"uid": uid(number), "url": "x"}).encode()
        yield f"{key}.txt", f"picture {number}".encode()


def uid(number: int) -> str:
    return hashlib.md5(str(number).encode()).hexdigest()


def write_tar(path: Path, content: Iterable[tuple[str, bytes]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, body in content:
            info = tarfile.TarInfo(name)
            info.size = len(body)
            tar.addfile(info, io.BytesIO(body))
    return path


def write_pool(folder: Path, shards: Iterable[int]) -> Path:
    """One tar for each number of pairs."""
    first = 0
    for number, pairs in enumerate(shards):
        write_tar(folder / f"{number:05d}.tar", members(first, pairs))
        first += pairs
    record = {"title": "Test pool", "licence": "CC0", "attribution": "nobody", "safe": True}
    (folder / "pool.json").write_text(json.dumps(record))
    return folder
