"""The operator's cookie: signed, for /admin only. It holds a session's token and the form's."""

from __future__ import annotations

import hmac
import secrets

from flask import Flask, Request, Response, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin

from server.admin.sessions import SESSION

PREFIX = "/admin"
_TOKEN, _FORM = "token", "form"


class OperatorCookie(SecureCookieSessionInterface):
    """Flask's signed cookie, but only where operators are: a contributor's request neither reads
    nor gets one."""

    session_class = SecureCookieSession

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        return super().open_session(app, request) if is_ours(request.path) else None

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if is_ours(request.path):
            super().save_session(app, session, response)

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """On https only over https; a server tried out on http://127.0.0.1 can be signed in to."""
        return request.is_secure


def init_app(app: Flask, key: str) -> None:
    app.secret_key = key
    app.session_interface = OperatorCookie()
    app.config.update(
        SESSION_COOKIE_NAME="dva-admin",
        SESSION_COOKIE_PATH=PREFIX,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_HTTPONLY=True,
        PERMANENT_SESSION_LIFETIME=SESSION,
        SESSION_REFRESH_EACH_REQUEST=False,
    )


def is_ours(path: str) -> bool:
    return path == PREFIX or path.startswith(PREFIX + "/")


def token() -> str | None:
    found = session.get(_TOKEN)
    return found if isinstance(found, str) else None


def keep_token(value: str) -> None:
    """With a new form token: what was known before somebody signed in is worth nothing after."""
    session.clear()
    session.permanent = True
    session[_TOKEN] = value


def forget() -> None:
    session.clear()


def form_token() -> str:
    """What a form must send back, so that no other site can send it."""
    if not isinstance(session.get(_FORM), str):
        session[_FORM] = secrets.token_urlsafe(32)
    return str(session[_FORM])


def is_our_form(sent: str) -> bool:
    kept = session.get(_FORM)
    return isinstance(kept, str) and hmac.compare_digest(kept.encode(), sent.encode())
