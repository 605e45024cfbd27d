"""The manifest of a bundle folder, from what lies in it."""

from __future__ import annotations

from pathlib import Path

import msgspec
from dva_agent.bundle import (
    FileEntry,
    Licence,
    Manifest,
    RungSpec,
    TokenizerSpec,
    bundle_id,
)
from dva_agent.native.fidelity import Fidelity
from dva_agent.protocol import Rung

from export.card import CARD, card
from export.headroom import Headroom
from export.loaded import Loaded
from export.staging import sha256
from export.weights import Kind

MERGES_PATH = "tokenizer/merges.txt"
GOLDEN_PATH = "golden/golden.json"
LICENCE_PATH = "LICENSE.txt"
NOT_IN_TOWERS = ("logit_scale", "logit_bias")


def describe(
    loaded: Loaded,
    *,
    kind: Kind,
    folder: Path,
    rungs: dict[Rung, RungSpec],
    multiply_adds: int,
    embedding_dim: int,
) -> Manifest:
    """Every file of `folder`, and what is known of the model. `multiply_adds`: those of all matrix
    products and convolutions of both towers for one pair at full context."""
    manifest = Manifest(
        format=2,
        bundle="0" * 32,
        name=f"{loaded.name} {kind}",
        model=loaded.source,
        weights=kind,
        about=loaded.about,
        demo=loaded.demo,
        embedding_dim=embedding_dim,
        parameters=parameters(loaded),
        gflops_per_pair=2 * multiply_adds / 1e9,
        preprocessing=loaded.preprocessing,
        tokenizer=TokenizerSpec(
            kind="clip-bpe",
            merges_path=MERGES_PATH,
            merges=len(loaded.merges),
            context_length=loaded.context_length,
            vocab_size=loaded.vocab_size,
        ),
        rungs=rungs,
        golden_path=GOLDEN_PATH,
        licence=Licence(
            name=loaded.licence.name,
            url=loaded.licence.url,
            attribution=loaded.licence.attribution,
            path=LICENCE_PATH,
            accepted=loaded.accepted,
        ),
        files=[_entry(path, folder) for path in sorted(folder.rglob("*")) if path.is_file()],
    )
    return msgspec.structs.replace(manifest, bundle=bundle_id(manifest))


def with_card(
    manifest: Manifest, fidelity: Fidelity | None, headroom: Headroom | None, folder: Path
) -> Manifest:
    """Write model_card.md into the bundle's folder; the manifest with what has come into the folder
    since it was described. None of it can move a score, so the id stays."""
    (folder / CARD).write_text(card(manifest, fidelity, headroom), encoding="utf-8")
    known = {entry.path for entry in manifest.files}
    new = [
        _entry(path, folder)
        for path in folder.rglob("*")
        if path.is_file() and path.relative_to(folder).as_posix() not in known
    ]
    files = sorted([*manifest.files, *new], key=lambda entry: entry.path)
    return msgspec.structs.replace(manifest, files=files)


def _entry(path: Path, folder: Path) -> FileEntry:
    return FileEntry(
        path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=sha256(path)
    )


def parameters(loaded: Loaded) -> int:
    """Trained numbers of both towers; the logit scale and bias belong to neither."""
    return sum(
        parameter.numel()
        for name, parameter in loaded.model.named_parameters()
        if name not in NOT_IN_TOWERS
    )
