"""A CLIP that is ready to be exported, with all that goes with it, checked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from dva_agent.bundle import Preprocessing
from torch import nn

from export.checkpoints import Checkpoint
from export.errors import CheckpointRefused, TowerUnsupported
from export.licence import LicenceText
from export.merges import merges_of


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A CLIP in fp32, ready for inference."""

    model: nn.Module
    name: str
    """For people."""
    source: str
    """Manifest.model: with the commit of what was downloaded, without anybody's folders in it."""
    about: str
    demo: bool
    meaningful: bool
    """Whether the network has learnt anything: False for random weights."""
    preprocessing: Preprocessing
    merges: tuple[str, ...]
    context_length: int
    vocab_size: int
    licence: LicenceText
    accepted: bool
    """Whether the licence had to be accepted, and was."""


def loaded(
    model: nn.Module,
    *,
    text: dict[str, Any],
    name: str,
    source: str,
    known: Checkpoint | None,
    licence: LicenceText,
    accepted: bool,
    about: str = "",
    demo: bool = False,
    meaningful: bool = True,
    merges_file: Path | None = None,
) -> Loaded:
    """`text`: open_clip's text_cfg of the network. Raises CheckpointRefused where weights are not
    finite or `known` facts don't hold, TowerUnsupported for other preprocessing or tokenizers."""
    for label, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise CheckpointRefused(f"The weights of {source} are not finite: {label}.")
    preprocessing = _preprocessing(model)
    if known is not None and (preprocessing.size, preprocessing.resize) != (
        known.size,
        known.resize,
    ):
        raise CheckpointRefused(
            f"open_clip prepares pictures for {source} as {preprocessing.size} px "
            f"{preprocessing.resize}, but it was made for {known.size} px {known.resize}.",
            next_step="Use the open_clip version that requirements/torch.txt names.",
        )
    vocabulary = int(text["vocab_size"])
    return Loaded(
        model=model,
        name=name,
        source=source,
        about=about or (known.about if known else f"{name}: nobody has said what it is good for."),
        demo=demo,
        meaningful=meaningful,
        preprocessing=preprocessing,
        merges=merges_of(text, vocabulary, merges_file),
        context_length=int(text["context_length"]),
        vocab_size=vocabulary,
        licence=licence,
        accepted=accepted,
    )


def _preprocessing(model: nn.Module) -> Preprocessing:
    """open_clip's own record of how pictures are prepared for this network."""
    record = cast(Any, model).visual.preprocess_cfg
    size = record["size"]
    sides = {int(side) for side in (size if isinstance(size, (tuple, list)) else (size,))}
    resize, interpolation = record["resize_mode"], record["interpolation"]
    if len(sides) != 1 or resize not in ("shortest", "squash") or interpolation != "bicubic":
        raise TowerUnsupported(f"It takes pictures of {size}, {resize}, {interpolation}.")
    return Preprocessing(
        size=sides.pop(),
        resize=cast(Literal["shortest", "squash"], resize),
        interpolation="bicubic",
        mean=_three(record["mean"]),
        std=_three(record["std"]),
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)
