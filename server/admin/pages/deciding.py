"""What an operator decides about a contributor or a device, with the reason that the form has."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from sqlalchemy.orm import Session

from server.admin import door
from server.admin.acting import Deed, Detail
from server.admin.pages import asked
from server.db import now
from server.trust import operator


class Decision(Protocol):
    """Of server.trust.operator."""

    def __call__(
        self, session: Session, name: str, *, by: str, reason: str, at: datetime
    ) -> object: ...


def deciding(name: str, decide: Decision, *, stopped: bool) -> Deed:
    """Decides, if whom `name` is the number of is stopped now, or isn't."""
    why = asked.why()

    def deed(session: Session) -> Detail | None:
        if operator.is_stopped(session, name) is not stopped:
            return None
        decide(session, name, by=door.account().name, reason=why, at=now())
        return {"why": why}

    return deed
