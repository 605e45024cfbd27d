"""Our tokenizer and open_clip's, over the same merges."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

from dva_agent.bundle import TokenizerSpec
from dva_agent.tokenizer import Tokenizer

from export.openclip import open_clip

ALL_MERGES = 48_894


@cache
def merges(count: int) -> str:
    """The first `count` merges of CLIP's list, as a bundle carries them."""
    packed = Path(open_clip.tokenizer.default_bpe()).read_bytes()
    lines = gzip.decompress(packed).decode().split("\n")[1 : count + 1]
    return "\n".join(lines) + "\n"


@cache
def ours(count: int = ALL_MERGES, context_length: int = 77) -> Tokenizer:
    spec = TokenizerSpec(
        kind="clip-bpe",
        merges_path="tokenizer/merges.txt",
        merges=count,
        context_length=context_length,
        vocab_size=514 + count,
    )
    return Tokenizer(merges=merges(count), spec=spec)


@cache
def reference() -> open_clip.tokenizer.SimpleTokenizer:
    return open_clip.tokenizer.SimpleTokenizer()


def reference_ids(caption: str) -> list[int]:
    """77 of them."""
    ids: list[int] = reference()([caption])[0].tolist()
    return ids
