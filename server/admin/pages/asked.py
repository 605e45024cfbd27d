"""What an address or a form of these pages says. It comes from outside."""

from __future__ import annotations

import re

from flask import request

LONGEST = 2048
LONGEST_WHY = 500
_DIGITS = 9
_IDENTIFIER = re.compile(r"[0-9a-z]{1,32}")
"""Earlier ones are anything of small letters and digits."""


def number(name: str, default: int) -> int:
    """A whole number of the query, at least 1; `default` where it is none."""
    text = request.args.get(name, "")
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return max(int(text), 1)
    return default


def identifier(text: str) -> str:
    """Of a contributor, a device or a bundle; what can't be one is "", which nothing
    is called."""
    return text if _IDENTIFIER.fullmatch(text) else ""


def text(name: str, longest: int = LONGEST) -> str:
    """A line of the query."""
    return _line(request.args.get(name, ""), longest)


def field(name: str, longest: int = LONGEST) -> str:
    """A line of the form."""
    return _line(request.form.get(name, ""), longest)


def why() -> str:
    """The reason that goes with a decision, or nothing."""
    return field("why", LONGEST_WHY)


def _line(value: str, longest: int) -> str:
    """Without what PostgreSQL refuses and a terminal would obey."""
    return "".join(letter for letter in value if letter.isprintable())[:longest].strip()
