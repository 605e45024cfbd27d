"""Which of CLIP's byte-pair merges a network's vocabulary is made of."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from export.errors import TowerUnsupported
from export.openclip import open_clip

SPECIAL_TOKENS = 2
BYTE_TOKENS = 512  # each byte within a word, and at its end


def clip_merges(count: int) -> tuple[str, ...]:
    """The first `count` of CLIP's 48,894 byte-pair merges, as open_clip ships them."""
    lines = gzip.decompress(Path(open_clip.tokenizer.default_bpe()).read_bytes()).decode("utf-8")
    return tuple(lines.split("\n")[1 : 49152 - 256 - 2 + 1][:count])


def merges_of(text: dict[str, Any], vocabulary: int, beside: Path | None) -> tuple[str, ...]:
    """The merges of a vocabulary of that size. `text`: open_clip's text_cfg; `beside`: a list that
    came with the weights, which must say the same. Raises TowerUnsupported."""
    if text.get("hf_tokenizer_name") or text.get("tokenizer_kwargs"):
        raise TowerUnsupported("It doesn't use CLIP's own tokenizer as it is.")
    count = vocabulary - BYTE_TOKENS - SPECIAL_TOKENS
    merges = clip_merges(max(count, 0))
    if count < 0 or len(merges) != count:
        raise TowerUnsupported(f"A vocabulary of {vocabulary} isn't cut from CLIP's.")
    if beside is not None and beside.is_file():
        lines = beside.read_text(encoding="utf-8").removesuffix("\n").split("\n")
        if tuple(lines[lines[0].startswith("#version") :]) != merges:
            raise TowerUnsupported(f"{beside.name} isn't the beginning of CLIP's list of merges.")
    return merges
