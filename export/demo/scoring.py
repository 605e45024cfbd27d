"""The checkpoint as open_clip runs it: fp32, its own transform, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from export.demo.model import load_model, load_tokenizer
from export.openclip import open_clip

BATCH = 128

_Item = TypeVar("_Item")


class Scorer:
    """Embeddings by the network of a checkpoint folder."""

    def __init__(self, folder: Path) -> None:
        config = msgspec.json.decode((folder / "open_clip_config.json").read_bytes())
        preprocess = config["preprocess_cfg"]
        self._model = load_model(folder)
        self._tokenizer = load_tokenizer(folder)
        self._transform = open_clip.transform.image_transform(
            preprocess["size"],
            is_train=False,
            mean=tuple(preprocess["mean"]),
            std=tuple(preprocess["std"]),
            resize_mode=preprocess["resize_mode"],
            interpolation=preprocess["interpolation"],
        )

    @torch.inference_mode()
    def images(self, images: Iterable[Image.Image]) -> NDArray[np.float32]:
        """RGB pictures -> unit-norm embeddings [pictures, dim]."""
        parts = [
            self._model.encode_image(  # type: ignore[operator]
                torch.stack([self._transform(image) for image in batch]), normalize=True
            ).numpy()
            for batch in _batches(images)
        ]
        return np.concatenate(parts)

    @torch.inference_mode()
    def texts(self, captions: Sequence[str]) -> NDArray[np.float32]:
        """Captions -> unit-norm embeddings [captions, dim]."""
        parts = [
            self._model.encode_text(self._tokenizer(batch), normalize=True).numpy()  # type: ignore[operator]
            for batch in _batches(captions)
        ]
        return np.concatenate(parts)


def _batches(items: Iterable[_Item]) -> Iterator[list[_Item]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
