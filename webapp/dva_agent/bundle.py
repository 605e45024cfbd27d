"""The model bundle's manifest: what the export pipeline writes, the server serves, engines load.

A bundle is a folder:

    manifest.json           a Manifest
    image.onnx              pixels uint8 [N, 3, S, S] -> embeddings float32 [N, D], unit norm
    text.onnx               ids int32 [N, T], 1 <= T <= context_length -> embeddings float32 [N, D]
    (*.onnx.data)           external tensors, where a tower passes protobuf's 2 GB
    tokenizer/merges.txt    CLIP's BPE merges, one a line, the first `merges` of them
    golden/golden.json      a GoldenSet; its image files lie beside it
    LICENSE.txt             of the weights
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from dva_agent.errors import BundleError

FORMAT = 1
MANIFEST = "manifest.json"

RelativePath = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$(?!\n)",
        max_length=200,
    ),
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
BundleId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]


class _Part(Struct, frozen=True, kw_only=True):
    pass


class FileEntry(_Part, frozen=True, kw_only=True):
    path: RelativePath
    bytes: Annotated[int, Meta(ge=0)]
    sha256: Sha256


class Preprocessing(_Part, frozen=True, kw_only=True):
    """open_clip's image_transform. Pillow's integer bicubic (`Image.resize`, version 13), then a
    centre crop for `shortest`; the model casts uint8 and normalises by itself."""

    size: Annotated[int, Meta(ge=8, le=1024)]
    resize: Literal["shortest", "squash"]
    interpolation: Literal["bicubic"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class TokenizerSpec(_Part, frozen=True, kw_only=True):
    kind: Literal["clip-bpe"]
    merges_path: RelativePath
    merges: Annotated[int, Meta(ge=0)]
    context_length: Annotated[int, Meta(ge=3, le=1024)]
    vocab_size: Annotated[int, Meta(ge=514)]


class Tower(_Part, frozen=True, kw_only=True):
    path: RelativePath
    """The ONNX file; its external data, if any, is in `data_paths`."""
    data_paths: tuple[RelativePath, ...] = ()


class Licence(_Part, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    url: str
    attribution: str
    path: RelativePath
    accepted: bool = False
    """Whether the maker of the bundle said that they had read and accepted it. Written only where
    it had to be said: the demo's and random weights need nobody's acceptance."""


class Tolerance(_Part, frozen=True, kw_only=True):
    """How far a rung may be from the golden values: largest absolute differences."""

    score: float
    embedding: float


class Manifest(_Part, frozen=True, kw_only=True):
    format: Literal[1]
    bundle: BundleId
    """`bundle_id` of this very manifest."""
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    model: str
    """What was exported: an open_clip name and tag, an hf-hub id, a path's last part, or demo."""
    weights: Literal["fp32", "q8"]
    about: str
    """One or two sentences for the page: what this model is good for, and what not."""
    demo: bool
    embedding_dim: Annotated[int, Meta(ge=1)]
    parameters: int
    gflops_per_pair: float
    """Multiply-adds x 2 of both towers at full context, x 1e-9."""
    preprocessing: Preprocessing
    tokenizer: TokenizerSpec
    image_tower: Tower
    text_tower: Tower
    golden_path: RelativePath
    tolerance: Tolerance
    licence: Licence
    files: list[FileEntry]
    """Every file but manifest.json."""

    def file(self, path: str) -> FileEntry:
        """The entry of one file. Raises BundleError if there is none."""
        for entry in self.files:
            if entry.path == path:
                return entry
        raise BundleError(f"The bundle lists no file {path}.")


class GoldenPair(_Part, frozen=True, kw_only=True):
    """One pair with its expected values: pixels and ids exact, the rest within the tolerance.
    Embeddings and score are native fp32 arithmetic over the bundle's own weights."""

    image: RelativePath
    caption: str
    ids: list[int]
    """context_length of them, zero-padded, as open_clip's tokenizer gives them."""
    pixels_sha256: Sha256
    """Of the uint8 [3, S, S] array's bytes."""
    image_embedding: bytes
    text_embedding: bytes
    score: float


class GoldenSet(_Part, frozen=True, kw_only=True):
    pairs: Annotated[list[GoldenPair], Meta(min_length=32)]


def bundle_id(manifest: Manifest) -> str:
    """32 hex digits: sha256 over everything in the manifest that can move a score."""
    moving = {manifest.tokenizer.merges_path}
    for tower in (manifest.image_tower, manifest.text_tower):
        moving.update((tower.path, *tower.data_paths))
    material = {
        "format": manifest.format,
        "preprocessing": manifest.preprocessing,
        "tokenizer": manifest.tokenizer,
        "towers": [manifest.image_tower, manifest.text_tower],
        "files": sorted((path, manifest.file(path).sha256) for path in moving),
    }
    canonical = msgspec.json.encode(msgspec.to_builtins(material), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:32]


def decode_manifest(body: bytes | str) -> Manifest:
    """A checked manifest. Raises BundleError if it is malformed, lists a file it uses nowhere
    or twice, or has an id that isn't its own."""
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"manifest.json: {error}") from error
    paths = [entry.path for entry in manifest.files]
    if len(set(paths)) != len(paths):
        raise BundleError("manifest.json lists a file twice.")
    for path in (manifest.golden_path, manifest.licence.path):
        manifest.file(path)
    if manifest.bundle != bundle_id(manifest):
        raise BundleError(
            f"manifest.json says bundle {manifest.bundle}, its content is {bundle_id(manifest)}."
        )
    return manifest


def decode_golden(body: bytes | str, manifest: Manifest) -> GoldenSet:
    """The golden pairs, checked against the manifest. Raises BundleError."""
    try:
        golden = msgspec.json.decode(body, type=GoldenSet)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"golden.json: {error}") from error
    width = 4 * manifest.embedding_dim
    for pair in golden.pairs:
        manifest.file(pair.image)
        if len(pair.ids) != manifest.tokenizer.context_length:
            raise BundleError(f"golden pair {pair.image}: {len(pair.ids)} ids")
        if len(pair.image_embedding) != width or len(pair.text_embedding) != width:
            raise BundleError(f"golden pair {pair.image}: an embedding of another length")
    return golden
