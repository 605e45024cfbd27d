"""What an address or a form of these pages says. It comes from outside."""

from __future__ import annotations

from flask import request

LONGEST = 2048
_DIGITS = 9


def number(name: str, default: int) -> int:
    """A whole number of the query, at least 1; `default` where it is none."""
    text = request.args.get(name, "")
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS:
        return max(int(text), 1)
    return default


def text(name: str, longest: int = LONGEST) -> str:
    """A line of the query."""
    return _line(request.args.get(name, ""), longest)


def field(name: str, longest: int = LONGEST) -> str:
    """A line of the form."""
    return _line(request.form.get(name, ""), longest)


def _line(value: str, longest: int) -> str:
    """Without what PostgreSQL refuses and a terminal would obey."""
    return "".join(letter for letter in value if letter.isprintable())[:longest].strip()
