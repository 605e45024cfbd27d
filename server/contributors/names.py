"""What a contributor may be called on everybody's pages. Pure."""

from __future__ import annotations

import unicodedata

from dva_agent.account import LONGEST_NAME

from server.refusals import NameInvalid

UNSEEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
"""Unicode categories: control and format characters (among them those that turn the direction of
the text around), and what is no character at all."""


def cleaned(name: str) -> str:
    """As it will be shown: NFC, nothing unseen in it, one space where there were several. Raises
    NameInvalid unless 1 to LONGEST_NAME characters are left."""
    seen = "".join(
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", name)
        if character.isspace() or unicodedata.category(character) not in UNSEEN
    )
    short = " ".join(seen.split())
    if not 1 <= len(short) <= LONGEST_NAME:
        raise NameInvalid(f"A name has 1 to {LONGEST_NAME} characters that can be seen.")
    return short
