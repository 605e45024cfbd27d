"""What a cut leaves out first, and within what it is made: as an address or a form gives it, as
`dva select` takes it, and as `server.selection` does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import get_args

from server.errors import SelectionError
from server.selection.cutting import Per
from server.selection.filters import ALLOW, DENY, Filters
from server.workbench.others import Choice, chosen

LISTS = (ALLOW, DENY)
FIELDS = (
    *LISTS,
    "min-side",
    "max-aspect",
    "caption-chars",
    "language",
    "max-nsfw",
    "max-faces",
    "distinct",
    "per",
)
"""Options of `dva select`, and of the form. `allow`, `deny`: a selection or an uploaded list, as
a `Choice` names it. `language`: several tags, with commas between them."""
LONGEST = 100
NO_LISTS: Mapping[str, Path] = MappingProxyType({})
_RANGE = re.compile(r"(\d{0,9})\.\.(\d{0,9})", re.ASCII)
_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*", re.ASCII)


def given(form: Mapping[str, str]) -> dict[str, str]:
    """Those that were filled in, as they were."""
    found = {name: form.get(name, "").strip()[:LONGEST] for name in FIELDS}
    return {name: text for name, text in found.items() if text}


def checked(found: Mapping[str, str]) -> dict[str, str]:
    """Raises SelectionError for what dva select wouldn't take, with a sentence."""
    if found.get("per") and found["per"] not in get_args(Per):
        raise SelectionError("A cut is made within no such thing.", code="filter_invalid")
    _filters(found)
    return {**found, **({"distinct": "yes"} if "distinct" in found else {})}


def made(found: Mapping[str, str], known: Sequence[Choice]) -> Filters:
    """Raises SelectionError, also where a list isn't there any more."""
    return _filters(found, _lists(found, known))


def per(found: Mapping[str, str]) -> Per | None:
    return next((each for each in get_args(Per) if each == found.get("per")), None)


def options(found: Mapping[str, str], known: Sequence[Choice]) -> list[str]:
    """For the command. Raises SelectionError where a list isn't there any more."""
    lists = _lists(found, known)
    words = []
    for name, text in found.items():
        if name in lists:
            words.append(f"--{name}={lists[name]}")
        elif name == "distinct":
            words.append("--distinct")
        elif name == "language":
            words += [f"--language={tag}" for tag in _tags(text)]
        else:
            words.append(f"--{name}={text}")
    return words


def _lists(found: Mapping[str, str], known: Sequence[Choice]) -> dict[str, Path]:
    return {name: chosen(found[name], known).path for name in LISTS if name in found}


def _filters(found: Mapping[str, str], lists: Mapping[str, Path] = NO_LISTS) -> Filters:
    languages = _tags(found.get("language", ""))
    for tag in languages:
        if not _TAG.fullmatch(tag):
            raise SelectionError(f"{tag!r} is no language, such as en.", code="filter_invalid")
    return Filters(
        allow=lists.get(ALLOW),
        deny=lists.get(DENY),
        min_side=_whole(found, "min-side"),
        max_aspect=_number(found, "max-aspect"),
        caption_chars=_range(found.get("caption-chars")),
        languages=languages,
        max_nsfw=_number(found, "max-nsfw"),
        max_faces=_whole(found, "max-faces"),
        distinct="distinct" in found,
    )


def _tags(text: str) -> tuple[str, ...]:
    return tuple(tag.strip() for tag in text.split(",") if tag.strip())


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
