"""Strategies for strings that captions may be."""

from __future__ import annotations

import sys
import unicodedata

from dva_agent import _classes
from hypothesis import strategies as st

from tests.dva_agent.odd_captions import CAPTIONS

SAME_UNICODE = unicodedata.unidata_version == _classes.UNICODE
"""Whether this Python's tables are those that the tokenizer is pinned to. If not, open_clip itself
gives other ids here for characters that are newer than Unicode 14."""

_FRAGMENTS = sorted({piece for caption in CAPTIONS for piece in caption.split(" ")}, key=repr)


def _known(text: str) -> bool:
    return SAME_UNICODE or all(unicodedata.category(c) != "Cn" for c in text)


def _mojibake(text: str, codec: str) -> str:
    return text.encode("utf-8", "replace").decode(codec, "replace")


characters = st.characters(max_codepoint=sys.maxunicode)
plain = st.text(characters, max_size=40)
fragments = st.lists(st.sampled_from(_FRAGMENTS) | characters, max_size=12).map("".join)
garbled = st.builds(
    _mojibake,
    st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["latin-1", "cp1252", "cp1251", "mac-roman", "cp437", "utf-8"]),
)
captions = (plain | fragments | garbled).filter(_known)
