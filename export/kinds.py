"""The kinds of weights that a bundle may be made of, and what each is for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from export.quantize import Bits
from export.quantized import Quantized, Rounding, nearest
from export.weights import Fp16, Fp32, Kind, Weights

TowerName = Literal["image", "text"]
DEFAULT: Kind = "q8"
FINE: dict[TowerName, tuple[str, ...]] = {
    "image": ("projection",),
    "text": ("projection", "block_0.attn"),
}
"""Linears of 4-bit towers that stay at 8 bits: small ones that cost far more than their share
(`python -m export.sensitivity`)."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """`image`, `text`: what the matrices of each tower are stored in; bits mean blocks."""

    image: Literal["fp32", "fp16"] | Bits
    text: Literal["fp32", "fp16"] | Bits
    about: str
    """What it is for."""

    @property
    def calibrated(self) -> bool:
        """Whether it should be rounded by what calibration pairs ask for."""
        return 4 in (self.image, self.text)


KINDS: dict[Kind, Storage] = {
    "fp32": Storage(image="fp32", text="fp32", about="every digit: to compare with, to audit"),
    "fp16": Storage(image="fp16", text="fp16", about="half the bytes, nothing lost that shows"),
    "q8": Storage(image=8, text=8, about="a quarter of the bytes: the default"),
    "q4text8": Storage(
        image=4, text=8, about="4-bit image tower, 8-bit text tower: between q8 and q4"
    ),
    "q4": Storage(image=4, text=4, about="4 bits, 8 for the token table: phones and slow lines"),
}


def weights_of(kind: Kind, tower: TowerName, *, rounding: Rounding = nearest) -> Weights:
    """The weights of one tower, for all graphs of it."""
    storage = getattr(KINDS[kind], tower)
    if storage == "fp32":
        return Fp32()
    if storage == "fp16":
        return Fp16()
    fine = FINE[tower] if storage == 4 else ()
    return Quantized(bits=storage, fine=fine, rounding=rounding)
