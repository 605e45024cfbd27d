"""Half a picture is a broken one, in the tab as in Python."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from dva_agent.bundle import Preprocessing
from dva_agent.headers import Format, ImageKind
from dva_agent.images import sniff
from dva_agent.native.pixels import preprocess
from dva_agent.protocol import PairStatus
from dva_agent.wholeness import is_whole
from playwright.sync_api import Page

from tests.e2e.pictures import encoded, good, odd, scene, streams, unknown
from tests.e2e.test_pixels import in_tab

pytestmark = pytest.mark.browser

WHOLE = """async (files) => {
  const { isWhole } = await import('/static/app/engine/wholeness.js');
  return Promise.all(files.map((file) => isWhole(Uint8Array.fromBase64(file))));
}"""
SPEC = Preprocessing(
    size=64, resize="shortest", interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1)
)
FORMATS: tuple[Format, ...] = ("jpeg", "png", "webp")


def damaged() -> list[tuple[Format, bytes]]:
    """Cut short and changed in one place, at many places; PNGs with chunks of all sorts."""
    image = scene(90, 70, 5)
    found: list[tuple[Format, bytes]] = []
    for format_ in FORMATS:
        file = encoded(image, format_.upper())
        for place in range(64, len(file), max(1, len(file) // 60)):
            found.append((format_, file[:place]))
            changed = bytes([file[place] ^ 0x55])
            found.append((format_, file[:place] + changed + file[place + 1 :]))
        found += [(format_, file[:-cut]) for cut in range(1, 16)]
    found += [("png", file) for _, file in [*odd(), *unknown()]]
    found += [("png", file) for _, file, _ in streams()]
    return found


def test_the_rule_is_pythons(page: Page, site: str) -> None:
    page.goto(site)
    cases = [*((_format(file), file) for _, file in good()), *damaged()]
    found = page.evaluate(WHOLE, [base64.b64encode(file).decode() for _, file in cases])
    expected = [is_whole(format_, file) for format_, file in cases]
    assert found == expected
    assert 0 < sum(found) < len(found)


def test_damaged_pictures_are_what_they_are_natively(page: Page, site: str) -> None:
    page.goto(site)
    cases = [(f, file) for f, file in damaged() if isinstance(sniff(file, len(file)), ImageKind)]
    pixels, statuses = in_tab(page, [file for _, file in cases], SPEC.size, SPEC.resize)
    differing = []
    for (format_, file), row, status in zip(cases, pixels, statuses, strict=True):
        native = preprocess(file, SPEC)
        if status != (PairStatus.IMAGE_BROKEN if native is None else PairStatus.SCORED):
            differing.append(f"{format_} of {len(file)} bytes: {status}")
        elif native is not None and not np.array_equal(native, row):
            differing.append(f"{format_} of {len(file)} bytes: other pixels")
    assert differing == []


def _format(file: bytes) -> Format:
    if file.startswith(b"\xff"):
        return "jpeg"
    return "png" if file.startswith(b"\x89") else "webp"
