"""open_clip's own answers: the independent reference that exported bundles are held to.

Nothing of `dva_agent` computes here: tokens come from open_clip's tokenizer, pixels from its
transform on Pillow images, scores from its network in torch.
"""

from __future__ import annotations

import gzip
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from export.loaded import Loaded
from export.openclip import open_clip

Pixels = NDArray[np.uint8]
Ids = NDArray[np.int32]
Embeddings = NDArray[np.float32]
BATCH = 8


@dataclass(frozen=True, kw_only=True)
class Inputs:
    pixels: Pixels
    """[N, 3, S, S]"""
    ids: Ids
    """[N, context length], zero-padded"""


def reference_inputs(loaded: Loaded, pictures: Sequence[bytes], captions: Sequence[str]) -> Inputs:
    """Pixels and token ids as open_clip makes them."""
    tokenize = reference_tokenizer(loaded)
    transform = _transform(loaded)
    return Inputs(
        pixels=np.stack([_pixels(transform, body) for body in pictures]),
        ids=tokenize(list(captions)).numpy().astype(np.int32),
    )


def reference_embeddings(loaded: Loaded, inputs: Inputs) -> tuple[Embeddings, Embeddings]:
    """Unit-norm embeddings of pictures and captions, by torch in fp32."""
    model: Any = loaded.model
    mean, std = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (loaded.preprocessing.mean, loaded.preprocessing.std)
    )
    images, texts = [], []
    with torch.inference_mode():
        for start in range(0, len(inputs.ids), BATCH):
            pixels = torch.from_numpy(inputs.pixels[start : start + BATCH])
            normal = (pixels.float() / 255 - mean) / std  # ToTensor, Normalize
            images.append(model.encode_image(normal, normalize=True).numpy())
            ids = torch.from_numpy(inputs.ids[start : start + BATCH]).long()
            texts.append(model.encode_text(ids, normalize=True).numpy())
    return np.concatenate(images), np.concatenate(texts)


def scores(images: Embeddings, texts: Embeddings) -> NDArray[np.float64]:
    """Cosine of each row with its partner, accumulated in float64."""
    product: NDArray[np.float64] = np.einsum(
        "nd,nd->n", images.astype(np.float64), texts.astype(np.float64)
    )
    return product


def reference_tokenizer(loaded: Loaded) -> Any:
    """open_clip's SimpleTokenizer over the bundle's merges: texts -> int64 [N, context length].

    Its reader skips a heading and takes an empty last line for a merge, so there is none.
    """
    lines = "\n".join(("#version: 0.2", *loaded.merges))
    with tempfile.NamedTemporaryFile(suffix=".txt.gz") as file:
        file.write(gzip.compress(lines.encode("utf-8")))
        file.flush()
        return open_clip.SimpleTokenizer(bpe_path=file.name, context_length=loaded.context_length)


def _transform(loaded: Loaded) -> Any:
    """open_clip's inference transform, up to where it leaves whole bytes for floats."""
    spec = loaded.preprocessing
    steps = open_clip.image_transform(
        spec.size,
        is_train=False,
        mean=spec.mean,
        std=spec.std,
        resize_mode=spec.resize,
        interpolation=spec.interpolation,
    ).transforms
    kinds = [type(step).__name__ for step in steps]
    if kinds[-3:] != ["MaybeConvertMode", "MaybeToTensor", "Normalize"]:
        raise RuntimeError(f"open_clip's transform has changed: {kinds}")
    return steps[:-2]


def _pixels(transform: Any, body: bytes) -> Pixels:
    with Image.open(io.BytesIO(body)) as image:
        image.load()
        for step in transform:
            image = step(image)
    return np.ascontiguousarray(np.asarray(image, np.uint8).transpose(2, 0, 1))
