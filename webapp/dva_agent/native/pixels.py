"""A picture's file to the model's pixels, as open_clip's image_transform makes them with Pillow.

Pillow is pinned: version 13 chooses the order of its two resizing passes anew, and the tab follows
it bit for bit.
"""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

from dva_agent.bundle import Preprocessing
from dva_agent.headers import ImageKind, png_chunks
from dva_agent.images import fits, geometry, sniff
from dva_agent.wholeness import is_whole

# Half a picture must never be filled in with grey; other code in the process may have asked for it.
ImageFile.LOAD_TRUNCATED_IMAGES = False


def preprocess(data: bytes, spec: Preprocessing) -> npt.NDArray[np.uint8] | None:
    """uint8 [3, S, S], or None if the file is broken or of a kind that `images` doesn't let
    through."""
    kind = sniff(data, len(data))
    if not isinstance(kind, ImageKind) or not fits(kind, spec):
        return None
    if not is_whole(kind.format, data):
        return None
    if kind.format == "png":
        data = _png_essentials(data)
    try:
        with Image.open(io.BytesIO(data), formats=(kind.format,)) as image:
            if image.size != (kind.width, kind.height) or image.mode not in ("L", "RGB"):
                return None
            plan = geometry(*image.size, spec)
            resized = image.resize((plan.width, plan.height), Image.Resampling.BICUBIC)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - decoders raise anything on hostile bytes: it is no picture
        return None
    box = (plan.left, plan.top, plan.left + spec.size, plan.top + spec.size)
    rows = np.asarray(resized.crop(box).convert("RGB"))
    return np.ascontiguousarray(rows.transpose(2, 0, 1))


def _png_essentials(data: bytes) -> bytes:
    """The whole PNG `data` with no chunks but those that make a grey or RGB picture.

    Pillow refuses pictures for faults in other chunks (a long text, a short gamma) that browsers
    ignore; webapp/engine/essentials.js gives browsers the same chunks."""
    parts = [data[:8]]
    for kind, start, end in png_chunks(data):
        if kind in (b"IHDR", b"IDAT", b"IEND"):
            parts.append(data[start - 8 : end + 4])
        if kind == b"IEND":
            break
    return b"".join(parts)
