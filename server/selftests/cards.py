"""What the public table calls a device's arithmetic. Pure.

A device says of itself whatever it likes, up to 200 characters, and some browsers name the very
card. The table needs neither: it knows makers and their lines, and everything else is `other`.
"""

from __future__ import annotations

import re

OTHER = "other"
PROCESSOR = "processor"
SOFTWARE = "software"

_SOFTWARE = re.compile(r"swiftshader|llvmpipe|lavapipe|software|basic render", re.IGNORECASE)
_PROCESSOR = re.compile(r"processor\b|\S+ onnxruntime-\S+\Z", re.IGNORECASE)
_MAKERS = {
    "nvidia": "nvidia",
    "geforce": "nvidia",
    "amd": "amd",
    "radeon": "amd",
    "intel": "intel",
    "apple": "apple",
    "arm": "arm",
    "mali": "arm",
    "qualcomm": "qualcomm",
    "adreno": "qualcomm",
    "img-tec": "imagination",
    "imagination": "imagination",
    "powervr": "imagination",
    "samsung": "samsung",
    "broadcom": "broadcom",
}
_LINES = (
    *("maxwell", "pascal", "volta", "turing", "ampere", "ada", "lovelace", "hopper", "blackwell"),
    *("gcn", "rdna", "cdna", "gen", "xe", "metal", "common", "midgard", "bifrost", "valhall"),
    *("adreno", "rogue", "xclipse"),
)
_LINE = re.compile(rf"(?:{'|'.join(_LINES)})(?:-[0-9a-z]{{1,8}}){{0,2}}")
"""WebGPU's `architecture`, as Dawn and others write it: ada-lovelace, rdna-3, gen-12lp, metal-3."""


def card_of(device_class: str) -> str:
    """Maker and line of a graphics card as far as they are known ones; `processor`; `software` for
    a card that a processor imitates; or `other`."""
    if _SOFTWARE.search(device_class):
        return SOFTWARE
    if _PROCESSOR.match(device_class):
        return PROCESSOR
    words = re.findall(r"[0-9a-z-]+", device_class.lower())
    maker = next((_MAKERS[word] for word in words if word in _MAKERS), None)
    if maker is None:
        return OTHER
    line = next((word for word in words if _LINE.fullmatch(word)), None)
    return f"{maker} {line}" if line else maker
