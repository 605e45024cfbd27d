"""From a loaded CLIP to a bundle on disk: towers, tokenizer, golden answers, manifest."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from dva_agent.bundle import (
    MANIFEST,
    Arithmetic,
    GoldenPair,
    GoldenSet,
    Manifest,
    decode_golden,
    decode_manifest,
)
from dva_agent.bundle import Expected as ExpectedPair
from dva_agent.errors import BundleError
from dva_agent.native.fidelity import (
    FIDELITY,
    PICTURE,
    REFERENCE,
    Fidelity,
    decode_fidelity,
)

from export.calibration import calibration_inputs
from export.card import CARD
from export.errors import BundleRefused
from export.expected import Expected, golden_values
from export.fidelity import Proof, prove
from export.golden import Golden, golden_pairs
from export.graphs import write_towers
from export.headroom import HEADROOM, Guard
from export.licence import NOTICES
from export.loaded import Loaded
from export.manifest import GOLDEN_PATH, LICENCE_PATH, MERGES_PATH, describe, with_card
from export.progress import Progress, silent
from export.reference import Inputs, reference_inputs
from export.staging import put, sha256, staging_folder
from export.tensors import LARGEST_FILE
from export.tolerances import tolerances
from export.variants import variants_of
from export.verify import FP32_LIMIT, Comparison, compare
from export.weights import Kind

MEASURED = frozenset((FIDELITY, REFERENCE, PICTURE, CARD, HEADROOM))
PROBED = 64
"""Pairs of a proof on which the room in fp16 is looked at."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Written:
    manifest: Manifest
    comparison: Comparison
    """With torch in fp32, on the golden pairs."""
    fidelity: Fidelity | None
    fresh: bool
    """False if the very same bundle was there already."""


def write_bundle(
    loaded: Loaded,
    *,
    kind: Kind,
    out: Path,
    replace: bool = False,
    say: Say = lambda _: None,
    largest_file: int = LARGEST_FILE,
    proof: Proof | None = None,
    calibrate: Inputs | None = None,
    progress: Progress = silent,
) -> Written:
    """Write the bundle into `out`, which appears whole or not at all. A different bundle that is
    there already is only replaced if `replace`. Without a `proof` its card says that nobody has
    measured. `calibrate`: pairs by which blocks are rounded. Raises ExportError."""
    _check_place(out)
    with staging_folder(out) as folder:
        pairs = golden_pairs()
        inputs = reference_inputs(
            loaded, [each.body for each in pairs], [each.pair.caption for each in pairs]
        )
        guard, proof = _guard(loaded, inputs, calibrate, proof, say, progress)
        say("writing the graphs")
        towers = write_towers(
            loaded,
            kind,
            folder,
            calibrate=calibrate,
            guard=guard,
            largest_file=largest_file,
            progress=progress,
        )
        for path, nodes in towers.nodes.items():
            say(f"wrote {path}: {nodes} nodes")
        if towers.coarse:
            say(f"{towers.coarse:,} of {towers.blocks:,} blocks want smaller scales than fp16 has")
        _write(folder / MERGES_PATH, "\n".join((*loaded.merges, "")).encode("utf-8"))
        _write(folder / LICENCE_PATH, (loaded.licence.text + NOTICES).encode("utf-8"))
        say("running the golden pairs")
        golden = golden_values(folder, variants_of(kind), inputs)
        say("comparing with torch")
        comparison = compare(loaded, inputs, golden["f32"].images, golden["f32"].texts)
        if kind == "fp32" and comparison.largest_score > FP32_LIMIT:
            raise BundleRefused(
                f"The fp32 graph is {comparison.largest_score:.1e} away from torch on a score.",
                next_step="Report it with the checkpoint's name.",
            )
        say("measuring how far execution plans stray")
        allowed = tolerances(folder, variants_of(kind), inputs, golden)
        for variant in variants_of(kind):
            if variant not in allowed:
                say(f"leaving out {', '.join(variant.rungs)}: fp16 is too far from fp32")
        towers.drop(folder, allowed)
        used = {variant.arithmetic for variant in allowed}
        _write_golden(
            folder, pairs, inputs, {each: golden[each] for each in golden if each in used}
        )
        manifest = describe(
            loaded,
            kind=kind,
            folder=folder,
            rungs=towers.rungs(allowed),
            multiply_adds=towers.multiply_adds,
            embedding_dim=golden["f32"].images.shape[1],
        )
        found = None
        if proof is not None:
            say(f"scoring pairs of {proof.source} beside open_clip")
            found = prove(loaded, manifest, folder, proof)
        room = guard.headroom if "f16" in used else None
        if room is not None:
            body = msgspec.json.format(msgspec.json.encode(room), indent=1) + b"\n"
            _write(folder / HEADROOM, body)
        manifest = with_card(manifest, found, room, folder)
        body = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
        _write(folder / MANIFEST, body)
        decode_golden((folder / GOLDEN_PATH).read_bytes(), decode_manifest(body))
        fresh = not _is_there(out, manifest, found)
        if fresh:
            if (out / MANIFEST).exists() and not replace:
                raise BundleRefused(
                    f"{out} is there already and isn't this bundle, or was measured otherwise.",
                    next_step="Name another folder, or add --replace.",
                )
            put(folder, out)
    return Written(manifest=manifest, comparison=comparison, fidelity=found, fresh=fresh)


def _guard(
    loaded: Loaded,
    golden: Inputs,
    calibrate: Inputs | None,
    proof: Proof | None,
    say: Say,
    progress: Progress,
) -> tuple[Guard, Proof | None]:
    """What looks at the room in fp16 on every kind of pair that there is; and the proof, still with
    all its pairs."""
    looked_at, source = [golden], "the golden pairs"
    if calibrate is not None:
        looked_at.append(calibrate)
        source += f", {len(calibrate.ids)} to calibrate on"
    if proof is not None:
        first, proof = proof.begun(PROBED)
        some = calibration_inputs(loaded, first, fewest=1)
        looked_at.append(some)
        source += f", {len(some.ids)} of {proof.source}"
    together = Inputs(
        pixels=np.concatenate([each.pixels for each in looked_at]),
        ids=np.concatenate([each.ids for each in looked_at]),
    )
    return Guard(together, source=source, say=say, progress=progress), proof


def _write_golden(
    folder: Path,
    pairs: list[Golden],
    inputs: Inputs,
    golden: Mapping[Arithmetic, Expected],
) -> None:
    rows = []
    for place, each in enumerate(pairs):
        path = f"golden/{each.pair.picture}"
        _write(folder / path, each.body)
        rows.append(
            GoldenPair(
                image=path,
                caption=each.pair.caption,
                ids=[int(token) for token in inputs.ids[place]],
                pixels_sha256=hashlib.sha256(inputs.pixels[place].tobytes()).hexdigest(),
                expected={
                    arithmetic: ExpectedPair(
                        image_embedding=found.images[place].astype("<f4").tobytes(),
                        text_embedding=found.texts[place].astype("<f4").tobytes(),
                        score=float(found.scores[place]),
                    )
                    for arithmetic, found in golden.items()
                },
            )
        )
    _write(folder / GOLDEN_PATH, msgspec.json.encode(GoldenSet(pairs=rows)) + b"\n")


def _check_place(out: Path) -> None:
    """Never put a bundle in the stead of something that isn't one."""
    if out.exists() and not (out / MANIFEST).is_file() and not _is_empty(out):
        raise BundleRefused(
            f"{out} is there already and isn't a bundle.", next_step="Name another folder."
        )


def _is_empty(path: Path) -> bool:
    return path.is_dir() and next(path.iterdir(), None) is None


def _is_there(out: Path, manifest: Manifest, found: Fidelity | None) -> bool:
    """Whether `out` holds this very bundle, measured in the same way, every file of it intact."""
    try:
        present = decode_manifest((out / MANIFEST).read_bytes())
        if _unmeasured(present) != _unmeasured(manifest):
            return False
        if found is not None:
            known = decode_fidelity((out / FIDELITY).read_bytes(), present)
            if _measured_on(known) != _measured_on(found):
                return False
        return all(sha256(out / entry.path) == entry.sha256 for entry in present.files)
    except (OSError, BundleError):
        return False


def _measured_on(found: Fidelity) -> tuple[object, ...]:
    """What was measured, and whether it passed."""
    return found.source, found.pairs_sha256, found.bar, not found.missed


def _unmeasured(manifest: Manifest) -> Manifest:
    """Without the content of what was measured: its last digits follow torch's threads."""
    files = [
        msgspec.structs.replace(entry, bytes=0, sha256="") if entry.path in MEASURED else entry
        for entry in manifest.files
    ]
    return msgspec.structs.replace(manifest, files=files)


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(body)
