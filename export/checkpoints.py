"""What is known about the checkpoints that DVA is made for: facts, no code that loads them.

A DFN named by its open_clip name and tag, or by its Hugging Face id, is held to these facts before
a bundle is written, so that a changed default in open_clip can't silently change a model.
Sources: open_clip's pretrained.py (3.3) and the model cards at huggingface.co/apple.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

APPLE_LICENCE = "Apple Sample Code License, as the model's page says; read it there"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One released set of weights."""

    arch: str
    """open_clip's name of the architecture, with the activation the weights were trained with."""
    tag: str
    hub: str
    """Hugging Face id."""
    size: int
    resize: Literal["shortest", "squash"]
    quick_gelu: bool
    about: str

    @property
    def licence_url(self) -> str:
        return f"https://huggingface.co/{self.hub}/blob/main/LICENSE"

    @property
    def attribution(self) -> str:
        return f"{self.hub} by Apple, https://huggingface.co/{self.hub} (arXiv 2309.17425)"


_ABOUT = (
    "A CLIP trained by Apple on {data}, a pool cut by a data filtering network; its score says "
    "how well an English caption fits a photograph from the web. Not judged here for other uses."
)

KNOWN: tuple[Checkpoint, ...] = (
    Checkpoint(
        arch="ViT-B-16-quickgelu",
        tag="dfn2b",
        hub="apple/DFN2B-CLIP-ViT-B-16",
        size=224,
        resize="shortest",
        quick_gelu=True,
        about=_ABOUT.format(data="DFN-2B"),
    ),
    Checkpoint(
        arch="ViT-L-14-quickgelu",
        tag="dfn2b",
        hub="apple/DFN2B-CLIP-ViT-L-14",
        size=224,
        resize="shortest",
        quick_gelu=True,
        about=_ABOUT.format(data="DFN-2B"),
    ),
    Checkpoint(
        arch="ViT-L-14",
        tag="dfn2b_s39b",
        hub="apple/DFN2B-CLIP-ViT-L-14-39B",
        size=224,
        resize="shortest",
        quick_gelu=False,
        about=_ABOUT.format(data="DFN-2B"),
    ),
    Checkpoint(
        arch="ViT-H-14-quickgelu",
        tag="dfn5b",
        hub="apple/DFN5B-CLIP-ViT-H-14",
        size=224,
        resize="squash",
        quick_gelu=True,
        about=_ABOUT.format(data="DFN-5B"),
    ),
    Checkpoint(
        arch="ViT-H-14-378-quickgelu",
        tag="dfn5b",
        hub="apple/DFN5B-CLIP-ViT-H-14-378",
        size=378,
        resize="squash",
        quick_gelu=True,
        about=_ABOUT.format(data="DFN-5B"),
    ),
)


def by_tag(arch: str, tag: str) -> Checkpoint | None:
    """The known checkpoint of that open_clip architecture and tag."""
    wanted = tag.lower().replace("-", "_")
    return next((known for known in KNOWN if (known.arch, known.tag) == (arch, wanted)), None)


def by_hub(hub: str) -> Checkpoint | None:
    """The known checkpoint of that Hugging Face id."""
    return next((known for known in KNOWN if known.hub == hub), None)
