"""What is known about the checkpoints that DVA is made for: facts, no code that loads them.

A DFN named by its open_clip name and tag, or by its Hugging Face id, is held to these facts before
a bundle is written, so that a changed default in open_clip can't silently change a model.
Sources: open_clip's pretrained.py (3.3) and the model cards at huggingface.co/apple. Parameters and
GFLOPs are counted from open_clip's architectures, as every manifest counts them;
tests/export/test_listing.py counts them again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

APPLE_LICENCE = "Apple Sample Code License, as the model's page says; read it there"
SEE_PAGE = "see the model's page"


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """One released set of weights."""

    arch: str
    """open_clip's name of the architecture, with the activation the weights were trained with."""
    tag: str
    """open_clip's, or "" where it has none."""
    hub: str
    """Hugging Face id."""
    size: int
    resize: Literal["shortest", "squash"]
    quick_gelu: bool | None
    """None: not known here; the checkpoint's own configuration says it."""
    parameters: int
    """Trained numbers of both towers."""
    gflops: float
    """Multiply-adds x 2 of both towers for one pair at full context, x 1e-9."""
    data: str
    good_for: str
    licence: str = APPLE_LICENCE

    @property
    def name(self) -> str:
        """What `--model` takes."""
        return f"{self.arch}:{self.tag}" if self.tag else f"hf-hub:{self.hub}"

    @property
    def about(self) -> str:
        return (
            f"A CLIP trained by Apple on {self.data}; its score says how well an English caption "
            f"fits a photograph from the web. {self.good_for}"
        )

    @property
    def licence_url(self) -> str:
        """The text where its place is known, else the page that names it."""
        page = f"https://huggingface.co/{self.hub}"
        return page if self.licence == SEE_PAGE else f"{page}/blob/main/LICENSE"

    @property
    def attribution(self) -> str:
        return f"{self.hub} by Apple, https://huggingface.co/{self.hub} (arXiv 2309.17425)"


_DFN2B = "DFN-2B, a pool cut by a data filtering network"
_DFN5B = "DFN-5B, a pool cut by a data filtering network"

KNOWN: tuple[Checkpoint, ...] = (
    Checkpoint(
        arch="ViT-B-32",
        tag="",
        hub="apple/DFN-public",
        size=224,
        resize="shortest",
        quick_gelu=None,
        parameters=151_277_312,
        gflops=13.781,
        data="the pairs that its page names, to filter others",
        good_for="The filtering network itself, and the least work a pair: the one to begin with.",
        licence=SEE_PAGE,
    ),
    Checkpoint(
        arch="ViT-B-16-quickgelu",
        tag="dfn2b",
        hub="apple/DFN2B-CLIP-ViT-B-16",
        size=224,
        resize="shortest",
        quick_gelu=True,
        parameters=149_620_736,
        gflops=38.245,
        data=_DFN2B,
        good_for="A general CLIP, the lightest of those that a DFN fed; no filter itself.",
    ),
    Checkpoint(
        arch="ViT-L-14-quickgelu",
        tag="dfn2b",
        hub="apple/DFN2B-CLIP-ViT-L-14",
        size=224,
        resize="shortest",
        quick_gelu=True,
        parameters=427_616_512,
        gflops=168.773,
        data=_DFN2B,
        good_for="A general CLIP for tabs on a strong GPU; no filter itself.",
    ),
    Checkpoint(
        arch="ViT-L-14",
        tag="dfn2b_s39b",
        hub="apple/DFN2B-CLIP-ViT-L-14-39B",
        size=224,
        resize="shortest",
        quick_gelu=False,
        parameters=427_616_512,
        gflops=168.773,
        data=_DFN2B,
        good_for="The same size with exact GELU, trained for 39 billion samples; no filter itself.",
    ),
    Checkpoint(
        arch="ViT-H-14-quickgelu",
        tag="dfn5b",
        hub="apple/DFN5B-CLIP-ViT-H-14",
        size=224,
        resize="squash",
        quick_gelu=True,
        parameters=986_109_440,
        gflops=371.338,
        data=_DFN5B,
        good_for="For comparison, on machines of your own: too much for most tabs.",
    ),
    Checkpoint(
        arch="ViT-H-14-378-quickgelu",
        tag="dfn5b",
        hub="apple/DFN5B-CLIP-ViT-H-14-378",
        size=378,
        resize="squash",
        quick_gelu=True,
        parameters=986_714_880,
        gflops=1025.824,
        data=_DFN5B,
        good_for="The same with pictures of 378 pixels, at almost three times the work.",
    ),
)


def by_tag(arch: str, tag: str) -> Checkpoint | None:
    """The known checkpoint of that open_clip architecture and tag."""
    wanted = tag.lower().replace("-", "_")
    return next(
        (known for known in KNOWN if known.tag and (known.arch, known.tag) == (arch, wanted)), None
    )


def by_hub(hub: str) -> Checkpoint | None:
    """The known checkpoint of that Hugging Face id."""
    return next((known for known in KNOWN if known.hub == hub), None)
