"""/admin/sessions: where one is signed in, and for a maintainer where others are."""

from __future__ import annotations

from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door, sessions
from server.admin.acting import Detail, act
from server.admin.blueprint import blueprint
from server.admin.browsers import browser_name
from server.admin.roles import MAINTAINER, VIEWER
from server.admin.sessions import AdminSession, Whence
from server.db import now
from server.limits.rate import network_of
from server.refusals import NotFound
from server.web import database


def whence() -> Whence:
    """Where this request is from."""
    return Whence(
        network=network_of(request.remote_addr),
        browser=browser_name(request.headers.get("User-Agent", "")),
    )


@blueprint.get("/sessions")
def sessions_page() -> ResponseReturnValue:
    with database().read() as session:
        found = _known(session)
    own = door.account().id
    return render_template(
        "admin/sessions.html",
        here=door.own_session().number,
        own=[each for each in found if each.account_id == own],
        others=[each for each in found if each.account_id != own],
    )


@blueprint.post("/sessions/<number>/end")
@door.at_least(VIEWER)
def end_session(number: str) -> ResponseReturnValue:
    """One's own; anybody's for a maintainer."""
    with database().read() as session:
        found = next((each for each in _known(session) if each.number == number), None)
    if found is None:
        raise NotFound("There is no such session, or not any more.")

    def end(session: Session) -> Detail | None:
        return _told(found) if sessions.end(session, found) else None

    return act(
        end,
        action="session ended",
        subject=found.account.name,
        name=f"The session of {found.account.name} in {found.browser}",
        done="is ended",
        already="was over already",
        to=url_for("admin.sessions_page"),
    )


@blueprint.post("/sessions/end-others")
@door.at_least(VIEWER)
def end_other_sessions() -> ResponseReturnValue:
    def end(session: Session) -> Detail | None:
        count = sessions.end_others(session, door.own_session())
        return {"sessions": count} if count else None

    return act(
        end,
        action="other sessions ended",
        subject=door.account().name,
        done="is signed in nowhere else now",
        already="wasn't signed in anywhere else",
        to=url_for("admin.sessions_page"),
    )


def _known(session: Session) -> list[AdminSession]:
    """Those that who asks may see and end."""
    only = None if door.may(MAINTAINER) else door.account()
    return list(sessions.living(session, now(), only))


def _told(found: AdminSession) -> Detail:
    return {
        "since": found.began_at.isoformat(timespec="seconds"),
        "network": found.network or "this machine",
        "browser": found.browser,
    }
