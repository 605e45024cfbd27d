"""The model bundle's manifest: what the export pipeline writes, the server serves, engines load.

A bundle is one set of weights and several small graphs over it, so that each device can run the one
that suits it. It is a folder:

    manifest.json           a Manifest; its `rungs` say which graphs each rung runs
    image*.onnx             pixels uint8 [N, 3, S, S] -> embeddings float32 [N, D], unit norm
    text*.onnx              ids int32 [N, T], 1 <= T <= context_length -> embeddings float32 [N, D]
    image.0.bin, ...        the tensors of all graphs of a tower (ONNX external data)
    tokenizer/merges.txt    CLIP's BPE merges, one a line, the first `merges` of them
    golden/golden.json      a GoldenSet; its image files lie beside it
    LICENSE.txt             of the weights
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from dva_agent.errors import BundleError, RungUnavailable
from dva_agent.protocol import Rung

FORMAT = 2
MANIFEST = "manifest.json"
FORMAT_CODE = "bundle_format"
"""A bundle that is well made, by another version."""

RelativePath = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$(?!\n)",
        max_length=200,
    ),
]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
BundleId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
Arithmetic = Literal["f32", "f16"]
"""Of activations. In f16 the residual stream, norms and the ending stay float32."""
REFERENCE_RUNG: Rung = "native"
"""Every bundle has it, in f32: what other rungs, and audits, are compared with."""


class _Part(Struct, frozen=True, kw_only=True):
    pass


class _Edition(_Part, frozen=True, kw_only=True):
    format: int


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


class Tolerance(_Part, frozen=True, kw_only=True):
    """How far a rung may be from the golden values: largest absolute differences."""

    score: Annotated[float, Meta(gt=0, lt=2)]
    embedding: Annotated[float, Meta(gt=0, lt=2)]
    derived: str
    """From which measurements and how, in a sentence."""


class RungSpec(_Part, frozen=True, kw_only=True):
    """What one rung runs."""

    image: Tower
    text: Tower
    arithmetic: Arithmetic
    tolerance: Tolerance

    @property
    def paths(self) -> list[str]:
        """Every file that the rung needs, graphs before their data."""
        towers = (self.image, self.text)
        return [path for tower in towers for path in (tower.path, *tower.data_paths)]


class Licence(_Part, frozen=True, kw_only=True, omit_defaults=True):
    name: str
    url: str
    attribution: str
    path: RelativePath
    accepted: bool = False
    """Whether the maker of the bundle said that they had read and accepted it. Written only where
    it had to be said: the demo's and random weights need nobody's acceptance."""


class Manifest(_Part, frozen=True, kw_only=True):
    format: Literal[2]
    bundle: BundleId
    """`bundle_id` of this very manifest."""
    name: Annotated[str, Meta(min_length=1, max_length=200)]
    model: str
    """What was exported: an open_clip name and tag, an hf-hub id, a path's last part, or demo."""
    weights: Annotated[str, Meta(pattern=r"^[a-z0-9]{1,16}$(?!\n)")]
    """The kind of weights, for people: no reader of a bundle needs to know the kinds."""
    about: str
    """One or two sentences for the page: what this model is good for, and what not."""
    demo: bool
    embedding_dim: Annotated[int, Meta(ge=1)]
    parameters: int
    gflops_per_pair: float
    """Multiply-adds x 2 of both towers at full context, x 1e-9."""
    preprocessing: Preprocessing
    tokenizer: TokenizerSpec
    rungs: Annotated[dict[Rung, RungSpec], Meta(min_length=1)]
    """Those it has been made for."""
    golden_path: RelativePath
    licence: Licence
    files: list[FileEntry]
    """Every file but manifest.json."""

    def file(self, path: str) -> FileEntry:
        """The entry of one file. Raises BundleError if there is none."""
        for entry in self.files:
            if entry.path == path:
                return entry
        raise BundleError(f"The bundle lists no file {path}.")

    @property
    def distinct(self) -> list[Rung]:
        """The reference rung, and one for each other pair of graphs, in order."""
        reference = self.rungs[REFERENCE_RUNG]
        found = {(reference.image.path, reference.text.path): REFERENCE_RUNG}
        for rung, spec in self.rungs.items():
            found.setdefault((spec.image.path, spec.text.path), rung)
        return list(found.values())

    def rung(self, rung: Rung) -> RungSpec:
        """Raises RungUnavailable if the bundle hasn't it."""
        try:
            return self.rungs[rung]
        except KeyError:
            raise RungUnavailable(f"This model wasn't made for {rung}.") from None


class Expected(_Part, frozen=True, kw_only=True):
    """What the bundle's own weights make of a pair in one arithmetic."""

    image_embedding: bytes
    """float32 little-endian, `embedding_dim` of them, as the next."""
    text_embedding: bytes
    score: float


class GoldenPair(_Part, frozen=True, kw_only=True):
    """One pair with its expected values: pixels and ids exact, the rest within the tolerance."""

    image: RelativePath
    caption: str
    ids: list[int]
    """context_length of them, zero-padded, as open_clip's tokenizer gives them."""
    pixels_sha256: Sha256
    """Of the uint8 [3, S, S] array's bytes."""
    expected: dict[Arithmetic, Expected]
    """By native onnxruntime, unoptimised, over the graphs with attention written out."""


class GoldenSet(_Part, frozen=True, kw_only=True):
    pairs: Annotated[list[GoldenPair], Meta(min_length=32)]


def bundle_id(manifest: Manifest) -> str:
    """32 hex digits: sha256 over everything in the manifest that can move a score."""
    moving = {manifest.tokenizer.merges_path}
    for spec in manifest.rungs.values():
        moving.update(spec.paths)
    material = {
        "format": manifest.format,
        "preprocessing": manifest.preprocessing,
        "tokenizer": manifest.tokenizer,
        "rungs": {
            rung: [spec.image, spec.text, spec.arithmetic] for rung, spec in manifest.rungs.items()
        },
        "files": sorted((path, manifest.file(path).sha256) for path in moving),
    }
    canonical = msgspec.json.encode(msgspec.to_builtins(material), order="sorted")
    return hashlib.sha256(canonical).hexdigest()[:32]


def decode_manifest(body: bytes | str) -> Manifest:
    """A checked manifest. Raises BundleError if it is of another format, malformed, lists a file
    twice or not at all, lacks the reference rung, or has an id that isn't its own."""
    try:
        edition = msgspec.json.decode(body, type=_Edition).format
        if edition != FORMAT:
            raise BundleError(
                f"The bundle is of format {edition}; this version reads format {FORMAT} only.",
                code=FORMAT_CODE,
                next_step="Export the model again with this version.",
            )
        manifest = msgspec.json.decode(body, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"manifest.json: {error}") from error
    paths = [entry.path for entry in manifest.files]
    if len(set(paths)) != len(paths):
        raise BundleError("manifest.json lists a file twice.")
    for path in (manifest.golden_path, manifest.licence.path):
        manifest.file(path)
    reference = manifest.rungs.get(REFERENCE_RUNG)
    if reference is None or reference.arithmetic != "f32":
        raise BundleError(f"manifest.json has no rung {REFERENCE_RUNG} in f32.")
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
        for spec in manifest.rungs.values():
            found = pair.expected.get(spec.arithmetic)
            if found is None:
                raise BundleError(f"golden pair {pair.image}: nothing in {spec.arithmetic}")
            if len(found.image_embedding) != width or len(found.text_embedding) != width:
                raise BundleError(f"golden pair {pair.image}: an embedding of another length")
    return golden
