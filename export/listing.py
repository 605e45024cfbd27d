"""The DFN checkpoints, as a table for a person and as records for a program.

The download is an estimate: what a repository holds, and in which precision, is only known there.
"""

from __future__ import annotations

import textwrap
from typing import Any

from export.checkpoints import KNOWN, Checkpoint

WIDTH = 100
BYTES = 4
"""Of a number in fp32, in which checkpoints are mostly kept."""
PICTURES = {
    "shortest": "shortest side to {size} px, centre cut out",
    "squash": "squashed to {size} x {size} px",
}
HEADINGS = ("--model", "parameters", "GFLOPs/pair", "download")
ROW = "{:<34} {:>11} {:>12} {:>15}"
NOTE = (
    "GFLOPs: of both towers for one pair at full context, a multiply-add counted as two. Download: "
    "parameters x 4 bytes, if the file is fp32 as is usual; the model's page says exactly. Any "
    "other CLIP of open_clip or transformers with a ViT image tower loads too (hf-hub:ID), and "
    "open_clip's with a ResNet."
)


def records() -> list[dict[str, Any]]:
    """One per checkpoint; `download_bytes_about` is an estimate, as `table` says."""
    return [
        {
            "model": known.name,
            "hub": known.hub,
            "parameters": known.parameters,
            "gflops_per_pair": known.gflops,
            "download_bytes_about": BYTES * known.parameters,
            "licence": known.licence,
            "licence_url": known.licence_url,
            "size": known.size,
            "resize": known.resize,
            "quick_gelu": known.quick_gelu,
            "good_for": known.good_for,
        }
        for known in KNOWN
    ]


def table() -> str:
    """At most WIDTH columns wide."""
    blocks = ["\n".join((ROW.format(*HEADINGS), "-" * len(ROW.format(*HEADINGS))))]
    blocks += [_block(known) for known in KNOWN]
    return "\n\n".join((*blocks, textwrap.fill(NOTE, WIDTH)))


def _block(known: Checkpoint) -> str:
    row = ROW.format(
        known.name,
        f"{known.parameters / 1e6:.1f} M",
        f"{known.gflops:.1f}",
        f"about {BYTES * known.parameters / 1e9:.1f} GB",
    )
    activation = {True: "QuickGELU", False: "GELU", None: "GELU or QuickGELU, as it says itself"}
    lines = (
        known.good_for,
        f"Pictures: {PICTURES[known.resize].format(size=known.size)}. "
        f"Activation: {activation[known.quick_gelu]}.",
        f"Licence: {known.licence}:",
        known.licence_url,
    )
    return "\n".join((row, *(_indented(line) for line in lines)))


def _indented(line: str) -> str:
    return textwrap.fill(line, WIDTH, initial_indent="    ", subsequent_indent="    ")
