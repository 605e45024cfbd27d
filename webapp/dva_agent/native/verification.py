"""A bundle on this machine's disk, checked again without torch: every file, every golden pair, and
its fidelity on pairs that are at hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dva_agent.bundle import MANIFEST, REFERENCE_RUNG, FileEntry, Manifest, decode_manifest
from dva_agent.errors import BundleError, PairsError
from dva_agent.model import load_model
from dva_agent.native.engine import NativeEngine
from dva_agent.native.fidelity import (
    FIDELITY,
    REFERENCE,
    Fidelity,
    Figures,
    Scores,
    decode_fidelity,
    figures,
)
from dva_agent.native.pair_scorer import Digest, PairScorer, batches
from dva_agent.native.pairs import Pair, read_pairs
from dva_agent.protocol import Rung, Span
from dva_agent.selftest import SelfTestReport, fetch_golden, self_test

CHUNK = 1 << 20


def open_bundle(folder: Path) -> Manifest:
    """The manifest, its id and its files' lengths checked. Raises BundleError, also for a file
    that it doesn't list."""
    try:
        manifest = decode_manifest((folder / MANIFEST).read_bytes())
    except OSError as error:
        raise BundleError(f"{folder} holds no {MANIFEST} that can be read.") from error
    for entry in manifest.files:
        path = folder / entry.path
        if not path.is_file() or path.is_symlink():
            raise BundleError(f"{entry.path} is missing.")
        if path.stat().st_size != entry.bytes:
            raise BundleError(f"{entry.path} isn't {entry.bytes:,} bytes long.")
    listed = {MANIFEST, *(entry.path for entry in manifest.files)}
    present = {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()
    }
    if extra := sorted(present - listed):
        raise BundleError(f"{extra[0]} lies in the bundle, but its manifest doesn't list it.")
    return manifest


def check_files(
    folder: Path, manifest: Manifest, *, progress: Callable[[int], object] = lambda _: None
) -> None:
    """sha256 of every file. `progress` gets the bytes of each piece. Raises BundleError."""
    for entry in manifest.files:
        if _sha256(folder, entry, progress) != entry.sha256:
            raise BundleError(f"{entry.path} is not the file that the manifest names.")


async def check_golden(folder: Path, manifest: Manifest, rung: Rung) -> SelfTestReport:
    """Ids, pixels, embeddings and scores of the golden pairs, by the graphs of a rung run natively.
    Raises SelfTestFailed, BundleError, RungUnavailable."""
    engine = NativeEngine(
        manifest=manifest, folder=folder, source=_Folder(folder=folder), rung=rung
    )
    try:
        model = await load_model(engine, manifest, "")
        golden = await fetch_golden(engine, model)
        try:
            return await self_test(engine, model, golden)
        finally:
            engine.release(golden.blob)
    finally:
        await engine.close()


def read_fidelity(folder: Path, manifest: Manifest) -> Fidelity | None:
    """What the bundle says of itself, None if nobody has measured. Raises BundleError."""
    if not any(entry.path == FIDELITY for entry in manifest.files):
        return None
    return decode_fidelity((folder / FIDELITY).read_bytes(), manifest)


def check_fidelity(
    folder: Path,
    manifest: Manifest,
    told: Fidelity,
    shards: Path,
    *,
    progress: Callable[[int], object] = lambda _: None,
) -> dict[Rung, Figures]:
    """Score the pairs that fidelity was measured on once more, and compare with open_clip's scores
    that the bundle carries. `progress` gets the number of pairs scored. Raises PairsError if
    `shards` don't begin with those pairs, BundleError if the figures miss the bar that they are
    said to pass. Returns the figures of each rung that fidelity has."""
    true: Scores = np.frombuffer((folder / REFERENCE).read_bytes(), "<f8")
    if len(true) != told.pairs:
        raise BundleError(f"{REFERENCE} doesn't hold {told.pairs:,} scores.")
    scorers = {rung: PairScorer(manifest=manifest, folder=folder, rung=rung) for rung in told.rungs}
    scorer = scorers[REFERENCE_RUNG]
    digest = Digest()
    found: dict[Rung, list[float]] = {rung: [] for rung in scorers}
    for batch in batches(_scored(shards, scorer, told.pairs)):
        prepared = scorer.prepare(batch)
        for rung, each in scorers.items():
            found[rung] += each.run(prepared).tolist()
        for pair in batch:
            digest.add(pair)
        progress(len(found[REFERENCE_RUNG]))
    if digest.hexdigest() != told.pairs_sha256:
        raise PairsError(
            f"The pairs in {shards} are not those that fidelity was measured on.",
            next_step=f"It was measured on {told.source}.",
        )
    again = {rung: figures(true, np.array(scores)) for rung, scores in found.items()}
    if (missed := told.bar.missed(again[REFERENCE_RUNG])) and not told.missed:
        raise BundleError(f"Measured again, the bundle misses its bar: {'; '.join(missed)}.")
    return again


def _scored(shards: Path, scorer: PairScorer, count: int) -> Iterator[Pair]:
    taken = 0
    for pair in read_pairs(shards):
        if taken == count:
            return
        if scorer.takes(pair):
            taken += 1
            yield pair


def _sha256(folder: Path, entry: FileEntry, progress: Callable[[int], object]) -> str:
    digest = hashlib.sha256()
    with (folder / entry.path).open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            progress(len(chunk))
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class _Folder:
    """A reader.Source over the bundle's own files; `url` is a path that the manifest lists."""

    folder: Path

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        del limit  # open_bundle has compared the lengths
        body = (self.folder / url).read_bytes()
        return body if span is None else body[span.start : span.start + span.size]
