"""What the next page says, once: that something was done, or why it wasn't, with what was typed."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from urllib.parse import urlsplit

from dva_agent.errors import DvaError
from flask import flash, get_flashed_messages, request

from server.admin import cookie

FROM_FIELD = "from"
"""Which page a form is on."""
DONE, NOT_DONE, TYPED = "done", "not done", "typed"
LONGEST_ADDRESS = 2048
LONGEST_MESSAGE = 600
MOST_TYPED = 1500
"""Bytes, packed as they are in the cookie: a browser drops one of more than 4 KB."""


def here() -> str:
    """The page that is being made, for its forms to say where they are."""
    return request.full_path.removesuffix("?")


def came_from() -> str | None:
    """The page whose form this request sends: as the script tells, since the address may have
    changed since the page was made, or else the form. It comes from outside, and is a path of
    these pages or nothing."""
    told = request.headers.get("HX-Current-URL") or request.form.get(FROM_FIELD, "")
    try:
        parts = urlsplit(told)
    except ValueError:
        return None
    address = f"{parts.path}?{parts.query}" if parts.query else parts.path
    is_ours = cookie.is_ours(parts.path) and len(address) <= LONGEST_ADDRESS
    return address if is_ours and address.isprintable() else None


def say_done(message: str) -> None:
    flash(message, DONE)


def say_not_done(error: DvaError, typed: Mapping[str, str]) -> None:
    """`typed`: the fields of the form. Too much of it is left out rather than cut short."""
    flash(f"{error} {error.next_step}"[:LONGEST_MESSAGE].strip(), NOT_DONE)
    if len(zlib.compress(json.dumps(typed).encode())) <= MOST_TYPED:
        flash(json.dumps(typed), TYPED)


def said() -> list[tuple[str, str]]:
    """Of both kinds, each with its kind."""
    return [
        (kind, str(sentence))
        for kind in (DONE, NOT_DONE)
        for sentence in get_flashed_messages(category_filter=(kind,))
    ]


def typed(name: str, default: object = "") -> object:
    """What was in a field of the form that came to nothing, on the page that says so."""
    for told in get_flashed_messages(category_filter=(TYPED,)):
        return json.loads(str(told)).get(name, default)
    return default
