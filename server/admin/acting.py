"""What an operator does: in one transaction with its line in the log, and told on the page that
follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door, log
from server.web import database

Detail = Mapping[str, Any]
Deed = Callable[[Session], Detail | None]
"""Does it, and gives what the log says besides; None: it was so already, and nothing is logged."""


def act(
    deed: Deed, *, action: str, subject: str, done: str, already: str, to: str, name: str = ""
) -> ResponseReturnValue:
    """`action`, `subject`: for the log. `done`, `already`: what is said of `name`, or else of the
    subject, on the page `to`."""
    with database().write() as session:
        detail = deed(session)
        if detail is not None:
            log.record(session, door.account(), action, subject, detail)
    said = already if detail is None else done
    return door.done(f"{name or subject} {said}.", to)
