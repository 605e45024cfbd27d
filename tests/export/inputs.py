"""Random inputs of a network's towers."""

from __future__ import annotations

import numpy as np
from dva_agent.bundle import Manifest

from export.reference import Inputs


def random_inputs(
    *, count: int, size: int, context_length: int, vocab_size: int, seed: int
) -> Inputs:
    """Pixels and captions of all lengths, some spelling out the end of the text in the middle."""
    rng = np.random.default_rng(seed)
    start, end = vocab_size - 2, vocab_size - 1
    ids = np.zeros((count, context_length), np.int32)
    for row in ids:
        length = int(rng.integers(2, context_length + 1))
        row[:length] = rng.integers(1, start, length)
        row[0], row[length - 1] = start, end
        if length > 4 and rng.random() < 0.3:
            row[int(rng.integers(1, length - 1))] = end
    return Inputs(pixels=rng.integers(0, 256, (count, 3, size, size), dtype=np.uint8), ids=ids)


def inputs_for(manifest: Manifest, *, count: int, seed: int) -> tuple[Inputs, list[int]]:
    """Random ones for a bundle's towers, and the length of each caption up to its first end of
    text."""
    spec = manifest.tokenizer
    inputs = random_inputs(
        count=count,
        size=manifest.preprocessing.size,
        context_length=spec.context_length,
        vocab_size=spec.vocab_size,
        seed=seed,
    )
    ends = (inputs.ids == spec.vocab_size - 1).argmax(axis=1) + 1
    return inputs, ends.tolist()
