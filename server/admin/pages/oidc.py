"""/admin/sign-in/oidc: to the organisation's provider, and back."""

from __future__ import annotations

import hmac

from flask import current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from server.admin import cookie, door, oidc, services
from server.admin.blueprint import blueprint
from server.admin.pages.sessions import whence
from server.admin.provider import Provider
from server.db import now
from server.errors import SignInFailed
from server.refusals import NotFound
from server.web import database, settings

EXTENSION = "dva-oidc"
_ASKED = "oidc"
_LONGEST = 4096


@blueprint.get("/sign-in/oidc")
@door.without_account
def leave_for_oidc() -> ResponseReturnValue:
    if not oidc.is_on(settings()):
        raise NotFound("There is no other way to sign in here.")
    _require_opened()
    services.begin_attempt(database(), whence().network, now())
    asked = oidc.leave(settings(), _provider(), _back())
    session[_ASKED] = [asked.state, asked.nonce, asked.verifier]
    return redirect(asked.where, 303)


@blueprint.get("/sign-in/oidc/back")
@door.without_account
def back_from_oidc() -> ResponseReturnValue:
    """Once for each leave: the answer to somebody else's question isn't taken."""
    kept = session.pop(_ASKED, None)
    state, code = request.args.get("state", ""), request.args.get("code", "")
    if not isinstance(kept, list) or not hmac.compare_digest(kept[0].encode(), state.encode()):
        raise SignInFailed(
            "This is no answer to what this browser asked.",
            next_step="Allow cookies for this page, and sign in anew.",
        )
    if not code or len(code) > _LONGEST:
        raise SignInFailed("The provider let nobody in.", next_step="Try again.")
    at = now()
    # Its cookie can be sent more often than it was given.
    services.begin_attempt(database(), whence().network, at)
    who = oidc.come_back(
        settings(), _provider(), _back(), code, nonce=kept[1], verifier=kept[2], at=at
    )
    role = oidc.role_of(settings().oidc_roles, who)
    with database().write() as opened:
        token = services.sign_in_by_identity(
            opened, key=who.key, name=who.name, role=role, whence=whence(), at=at
        )
    if token is None:
        raise SignInFailed(
            "You are known to the provider, but have no part here.",
            next_step="Ask whoever runs this server.",
        )
    cookie.keep_token(token)
    return redirect(url_for("admin.index"), 303)


def _require_opened() -> None:
    """Other sites may link to it, but not embed it: each time would be an attempt of the network
    that their reader is in. Browsers say so by https only; who says nothing isn't a browser's page,
    or isn't known to be one. Raises SignInFailed."""
    site, use = (request.headers.get(f"Sec-Fetch-{name}") for name in ("Site", "Dest"))
    if site in ("cross-site", "same-site") and use != "document":
        raise SignInFailed(
            "Another page tried to sign you in.", next_step="Open this page by itself."
        )


def _provider() -> Provider:
    found = current_app.extensions[EXTENSION]
    assert isinstance(found, Provider)
    return found


def _back() -> str:
    """Our own address, as it is registered with the provider."""
    origins = settings().own_origins
    origin = origins[0] if origins else request.host_url.rstrip("/")
    return origin + url_for("admin.back_from_oidc")
