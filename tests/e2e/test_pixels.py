"""The tab's pixels are Pillow's, byte for byte."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from dva_agent.bundle import Preprocessing
from dva_agent.images import geometry
from PIL import Image
from playwright.sync_api import Page

from tests.e2e.pictures import good, odd, plain

pytestmark = pytest.mark.browser

READ = """async ([files, spec]) => {
  const { PixelMaker } = await import('/static/app/engine/pixels.js');
  const maker = new PixelMaker(spec);
  const bytes = files.map((file) => Uint8Array.fromBase64(file));
  const { pixels, statuses } = await maker.make(bytes);
  maker.close();
  return [pixels.toBase64(), [...statuses]];
}"""


def in_tab(page: Page, files: list[bytes], size: int, resize: str) -> tuple[np.ndarray, list[int]]:
    """uint8 [N, 3, size, size] and the statuses."""
    spec = {"size": size, "resize": resize}
    pixels, statuses = page.evaluate(READ, [[base64.b64encode(f).decode() for f in files], spec])
    array = np.frombuffer(base64.b64decode(pixels), np.uint8)
    return array.reshape(len(files), 3, size, size), statuses


def by_pillow(file: bytes, size: int, resize: str) -> np.ndarray:
    image = Image.open(io.BytesIO(file))
    spec = Preprocessing(
        size=size, resize=resize, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
    )
    plan = geometry(*image.size, spec)
    image = image.resize((plan.width, plan.height), Image.Resampling.BICUBIC)
    image = image.crop((plan.left, plan.top, plan.left + size, plan.top + size)).convert("RGB")
    return np.asarray(image).transpose(2, 0, 1)


@pytest.mark.parametrize(("size", "resize"), [(64, "shortest"), (224, "shortest"), (96, "squash")])
def test_equal_pillow(page: Page, site: str, size: int, resize: str) -> None:
    page.goto(site)
    named = [(name, file, file) for name, file in good()]
    named += [(name, file, plain()) for name, file in odd()]
    found, statuses = in_tab(page, [file for _, file, _ in named], size, resize)
    assert statuses == [0] * len(named)
    wrong = {}
    for (name, _, alike), row in zip(named, found, strict=True):
        difference = np.abs(row.astype(int) - by_pillow(alike, size, resize))
        if difference.any():
            wrong[name] = int(difference.max())
    assert wrong == {}
