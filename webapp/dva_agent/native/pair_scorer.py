"""Pairs scored from their files alone, as a contributor's device scores them: DVA's tokens, DVA's
pixels, a bundle's towers in native onnxruntime."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.cleaning import clean
from dva_agent.native.engine import open_session
from dva_agent.native.fidelity import Scores
from dva_agent.native.pairs import Pair
from dva_agent.native.pixels import preprocess
from dva_agent.protocol import Rung
from dva_agent.tokenizer import Tokenizer

BATCH = 8
"""Enough to fill a processor. What a batch of pictures needs soon outgrows the model: to export
ViT-B/16 with its four graphs took 3.1 GB with 8 and 6.4 GB with 32."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A batch as towers take it."""

    pixels: npt.NDArray[np.uint8]
    """[N, 3, S, S]"""
    ids: npt.NDArray[np.int32]
    """[N, context length]"""


class PairScorer:
    """Raises RungUnavailable if the towers can't be loaded, BundleError for wrong merges."""

    def __init__(self, *, manifest: Manifest, folder: Path, rung: Rung = REFERENCE_RUNG) -> None:
        """`folder`: where the bundle's files are. `rung`: whose graphs are run, natively."""
        spec = manifest.rung(rung)
        merges = (folder / manifest.tokenizer.merges_path).read_text("utf-8")
        self._image = open_session(folder / spec.image.path)
        self._text = open_session(folder / spec.text.path)
        self._tokenize = Tokenizer(merges=merges, spec=manifest.tokenizer)
        self._preprocessing = manifest.preprocessing

    def takes(self, pair: Pair) -> bool:
        """Whether the pair has a score here and with open_clip: a caption that isn't empty, and a
        whole picture that plain Pillow opens too, which minds faults where nothing is shown."""
        return clean(pair.caption) != "" and self._pixels(pair) is not None and _opens(pair.picture)

    def scores(self, pairs: list[Pair]) -> Scores:
        """Of pairs that it `takes`, in one batch: float64 [pairs]."""
        return self.run(self.prepare(pairs))

    def prepare(self, pairs: list[Pair]) -> Prepared:
        """Pairs that it `takes`, for its own towers and those of the bundle's other rungs."""
        pixels = [rows for pair in pairs if (rows := self._pixels(pair)) is not None]
        ids = [self._tokenize(pair.caption) for pair in pairs]
        return Prepared(pixels=np.stack(pixels), ids=np.array(ids, np.int32))

    def run(self, prepared: Prepared) -> Scores:
        """float64 [N]"""
        (images,) = self._image.run(None, {"pixels": prepared.pixels})
        (texts,) = self._text.run(None, {"ids": prepared.ids})
        found: Scores = (images.astype(np.float64) * texts.astype(np.float64)).sum(axis=1)
        return found

    def _pixels(self, pair: Pair) -> npt.NDArray[np.uint8] | None:
        return preprocess(pair.picture, self._preprocessing)


def _opens(picture: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(picture)) as image:
            image.load()
    except (OSError, ValueError, SyntaxError):
        return False
    return True


class Digest:
    """sha256 over pairs, picture and caption each with its length, in order."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, pair: Pair) -> None:
        for part in (pair.picture, pair.caption.encode("utf-8")):
            self._hash.update(len(part).to_bytes(8, "little"))
            self._hash.update(part)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def batches(pairs: Iterable[Pair]) -> Iterator[list[Pair]]:
    """So many at a time as are scored together."""
    iterator = iter(pairs)
    while batch := list(islice(iterator, BATCH)):
        yield batch
