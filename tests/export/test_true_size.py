"""The program that proves the export at each checkpoint's size, here at a small one."""

from __future__ import annotations

import dataclasses

import pytest

from export.checkpoints import KNOWN
from export.errors import CheckpointRefused
from export.true_size import prove


def test_a_checkpoint_of_random_numbers_is_built_and_compared(architecture: str) -> None:
    known = dataclasses.replace(KNOWN[-1], arch=architecture, size=48)
    proof = prove(known, kind="fp32", pairs=2)
    assert proof["resize"] == "squash"
    graphs = {"image.onnx", "image.fused.onnx", "text.onnx", "text.fused.onnx"}
    assert set(proof["nodes"]) == graphs
    assert set(proof["files"]) == {*graphs, "image.0.bin", "text.0.bin"}
    assert 0 < proof["score_difference"] <= 2e-6
    assert 0 < proof["embedding_difference"] <= 2e-6
    assert proof["peak_memory_bytes"] > 10**8
    with pytest.raises(CheckpointRefused, match="made for 378 px squash"):
        prove(dataclasses.replace(known, size=378), kind="fp32", pairs=2)


@pytest.mark.slow
def test_the_filtering_network_of_true_size_equals_torch() -> None:
    known = KNOWN[0]
    proof = prove(known, kind="fp32", pairs=4)
    assert proof["parameters"] == known.parameters
    assert proof["pixels"] == 224
    assert proof["score_difference"] <= 2e-6
