"""The table of DFN checkpoints: its numbers are counted again, and it fits a terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from export.checkpoints import KNOWN, Checkpoint
from export.listing import WIDTH, records, table
from export.manifest import NOT_IN_TOWERS
from export.openclip import open_clip
from tests.export.test_graph import spared_tokens

BUILD = (sys.executable, "export/build_onnx.py", "--list")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: known.name)
def test_sizes_are_counted_from_the_architecture(known: Checkpoint) -> None:
    """On torch's meta device, which keeps shapes and no numbers; less what the graph spares by
    computing one token only in the last block, as test_graph.py holds for every manifest."""
    config = open_clip.get_model_config(known.arch)
    with torch.device("meta"):
        model: Any = open_clip.CLIP(**config).eval()
        pictures = torch.zeros(1, 3, known.size, known.size)
        ids = torch.zeros(1, 77, dtype=torch.int64)
    assert known.parameters == sum(
        each.numel() for name, each in model.named_parameters() if name not in NOT_IN_TOWERS
    )
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.encode_image(pictures)
        model.encode_text(ids)
    vision, width = config["vision_cfg"], config["text_cfg"]["width"]
    tokens = (known.size // vision["patch_size"]) ** 2 + 1
    spared = spared_tokens(77, width, width, mlp=True)
    spared += spared_tokens(tokens, vision["width"], vision["width"], mlp=True)
    assert known.gflops == round((counter.get_total_flops() - 2 * spared) / 1e9, 3)


def test_the_table_fits_and_says_everything() -> None:
    text = table()
    assert max(map(len, text.splitlines())) <= WIDTH
    for known in KNOWN:
        assert known.name in text
        assert known.licence_url in text
        assert f"{known.parameters / 1e6:.1f} M" in text
    assert text.count("about ") >= len(KNOWN)
    assert text.count("squashed") == 2


def test_the_command_lists_for_people_and_programs() -> None:
    plain, told = (
        subprocess.run([*BUILD, *more], cwd=ROOT, capture_output=True, text=True, check=True)
        for more in ((), ("--json",))
    )
    assert plain.stdout == f"{table()}\n"
    assert json.loads(told.stdout) == records()
    assert {"model", "parameters", "gflops_per_pair", "licence", "resize"} <= records()[0].keys()
