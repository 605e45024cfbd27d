"""What a command does to people, pools and models is in the operators' log, too."""

from __future__ import annotations

import getpass
import os

from sqlalchemy.orm import Session

from server.admin import log


def note(session: Session, action: str, subject: str, **detail: object) -> None:
    """In the transaction that does it. Under the name of who runs the command on this machine."""
    told = {name: value for name, value in detail.items() if value not in ("", None)}
    log.record(session, None, action, subject, {"user": user(), **told})


def user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may have a user without a name
        return f"uid {os.getuid()}"
