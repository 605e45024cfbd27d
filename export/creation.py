"""open_clip's own loader asked for a network: what comes is whole, or is refused in a sentence."""

from __future__ import annotations

import errno
import warnings
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import nn

from export.errors import CheckpointRefused, ExportError
from export.openclip import open_clip

T = TypeVar("T")

OTHER_WEIGHTS = ("size mismatch", "Missing key", "Unexpected key", "pos_embed width changed")
DAMAGED = (
    "deserializing header",  # safetensors: cut short, or no such file at all
    "failed finding central directory",  # torch's zip: its end is missing
    "PytorchStreamReader",
    "not fully covered",
)


def build(create: Callable[[], nn.Module], *, what: str) -> nn.Module:
    """The network that `create` makes, in fp32 and for inference. Raises CheckpointRefused."""
    return ask(create, what=what).to(torch.float32).eval()


def ask(question: Callable[[], T], *, what: str) -> T:
    """open_clip's answer, or a refusal with its reason."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="QuickGELU mismatch")
            return question()
    except ExportError:
        raise
    except Exception as error:  # open_clip raises anything from OSError to KeyError here
        raise _refusal(error, what) from error


def check_architecture(arch: str) -> None:
    """Raises CheckpointRefused unless open_clip has it."""
    if arch not in open_clip.list_models():
        raise CheckpointRefused(
            f"open_clip has no architecture '{arch}'.",
            next_step="python -c 'import open_clip; print(open_clip.list_models())' lists them.",
        )


def check_activation(arch: str, what: str, *, trained_quick: bool, use: str) -> None:
    """open_clip only warns of this, and the scores come out wrong. `use`: the advice, with {arch}
    where the right architecture goes. Raises CheckpointRefused."""
    built_quick = bool(open_clip.get_model_config(arch).get("quick_gelu", False))
    if built_quick == trained_quick:
        return
    right = f"{arch}-quickgelu" if trained_quick else arch.removesuffix("-quickgelu")
    raise CheckpointRefused(
        f"'{what}' was trained with {'QuickGELU' if trained_quick else 'GELU'}, but {arch} "
        f"computes with {'QuickGELU' if built_quick else 'GELU'}.",
        next_step=f"Use {use.format(arch=right)}.",
    )


def _refusal(error: Exception, what: str) -> CheckpointRefused:
    """One sentence for what went wrong."""
    reason = str(error)
    if any(words in reason for words in OTHER_WEIGHTS):
        return CheckpointRefused(
            f"The weights of {what} are not those of the architecture they were given for.",
            next_step="Check --arch, or the configuration beside the weights.",
        )
    cut = isinstance(error, EOFError) or getattr(error, "errno", None) == errno.EINVAL  # torch.load
    if cut or any(words in reason for words in DAMAGED):
        return CheckpointRefused(
            f"open_clip could not load {what}: its weights are damaged or cut short.",
            next_step="Get the file again and compare its size and checksum.",
        )
    first = (reason.strip().splitlines() or ["no reason given"])[0][:300]
    return CheckpointRefused(f"open_clip could not load {what}: {type(error).__name__}: {first}")
