"""open_clip's image_transform, up to the normalisation the exported model does by itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image


def pixels(image: Image.Image, size: int) -> NDArray[np.uint8]:
    """An RGB picture -> uint8 [3, size, size]: the shorter side to `size` by Pillow's bicubic, then
    the middle square. The rounding is torchvision's (Resize, CenterCrop)."""
    width, height = image.size
    if width <= height:
        width, height = size, int(size * height / width)
    else:
        width, height = int(size * width / height), size
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left = round((width - size) / 2.0)
    top = round((height - size) / 2.0)
    square = image.crop((left, top, left + size, top + size))
    return np.ascontiguousarray(np.asarray(square, dtype=np.uint8).transpose(2, 0, 1))
