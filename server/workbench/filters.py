"""What a cut leaves out first, as a form gives it and `dva select` takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from server.errors import SelectionError
from server.selection.cutting import Per
from server.selection.filters import Filters

FIELDS = (
    "min-side",
    "max-aspect",
    "caption-chars",
    "language",
    "max-nsfw",
    "max-faces",
    "distinct",
    "per",
)
"""Options of `dva select`, and of the form. `language`: several tags, with commas between them."""
LONGEST = 100
_RANGE = re.compile(r"(\d{0,9})\.\.(\d{0,9})", re.ASCII)
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


def read(form: Mapping[str, str]) -> dict[str, str]:
    """Those that were filled in. Raises SelectionError for what dva select wouldn't take."""
    given = {name: form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    found = {name: text for name, text in given.items() if text}
    languages = tuple(tag.strip() for tag in found.get("language", "").split(",") if tag.strip())
    for tag in languages:
        if not _TAG.fullmatch(tag):
            raise SelectionError(f"{tag!r} is no language, such as en.", code="filter_invalid")
    if found.get("per") and found["per"] not in get_args(Per):
        raise SelectionError("A cut is made within no such thing.", code="filter_invalid")
    if "distinct" in found:
        found["distinct"] = "yes"
    # Only to be refused here, with a sentence, instead of later in its process.
    Filters(
        min_side=_whole(found, "min-side"),
        max_aspect=_number(found, "max-aspect"),
        caption_chars=_range(found.get("caption-chars")),
        languages=languages,
        max_nsfw=_number(found, "max-nsfw"),
        max_faces=_whole(found, "max-faces"),
    )
    return found


def options(filters: Mapping[str, str]) -> list[str]:
    """For the command."""
    made = []
    for name, text in filters.items():
        if name == "distinct":
            made.append("--distinct")
        elif name == "language":
            made += [f"--language={tag.strip()}" for tag in text.split(",") if tag.strip()]
        else:
            made.append(f"--{name}={text}")
    return made


def _whole(found: Mapping[str, str], name: str) -> int | None:
    text = found.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}", text, re.ASCII):
        raise _odd(name, text)
    return int(text)


def _number(found: Mapping[str, str], name: str) -> float | None:
    text = found.get(name)
    if text is None:
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        raise _odd(name, text)
    return float(text)


def _range(text: str | None) -> tuple[int | None, int | None] | None:
    if text is None:
        return None
    parts = _RANGE.fullmatch(text)
    if parts is None or text == "..":
        raise SelectionError(f"{text!r} is no range, such as 5..200.", code="filter_invalid")
    least, most = (int(part) if part else None for part in parts.groups())
    return least, most


def _odd(name: str, text: str) -> SelectionError:
    return SelectionError(f"{name}: {text!r} is no number.", code="filter_invalid")
