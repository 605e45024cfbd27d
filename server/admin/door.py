"""Who gets in to the pages below /admin, and with what: signed in, by a form of ours, in a role
that may. In one place for every blueprint that has such pages: each calls `guard`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import TypeVar
from urllib.parse import urlencode

from dva_agent.errors import BundleError, DvaError
from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from server.admin import cookie, flashes, navigation, roles, services, sessions
from server.admin.roles import MAINTAINER, VIEWER, Role
from server.admin.services import AdminAccount
from server.admin.sessions import AdminSession
from server.config import VERSION
from server.db import TooManyWriters, now
from server.errors import (
    FormForeign,
    OperatorError,
    PageRefusal,
    RoleTooLow,
    SignInError,
    SignInFailed,
)
from server.refusals import NotFound
from server.web import database, settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_FIELD = "token"
"""Not "form": a field of that name hides the form from htmx, which asks each element for its own
(DOM clobbering)."""
FORM_HEADER = "X-DVA-Form"
"""The form's token, of a request that a script makes without a form."""
REFRESH_S = 30
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_NAME_SHOWN = 40
_LEAST = "least_role"

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def guard(blueprint: Blueprint) -> None:
    """Whatever it serves goes past `_check`, and is told in the manner of these pages."""
    blueprint.before_request(_check)
    blueprint.after_request(_never_stored)
    blueprint.context_processor(_about)
    blueprint.register_error_handler(SignInError, _not_let_in)
    blueprint.register_error_handler(PageRefusal, _refused)
    for kind in (OperatorError, BundleError):
        blueprint.register_error_handler(kind, _not_done)
    blueprint.register_error_handler(NotFound, _not_found)


def at_least(role: Role) -> Callable[[View], View]:
    """The least role that a view takes. Without it: viewer to look, maintainer to change."""

    def mark(view: View) -> View:
        setattr(view, _LEAST, role)
        return view

    return mark


def without_account(view: View) -> View:
    """For signing in."""
    setattr(view, _LEAST, None)
    return view


def least_role(endpoint: str, method: str) -> Role | None:
    """What `at_least` said; None: nobody has to be signed in."""
    found: Role | None = getattr(
        current_app.view_functions[endpoint], _LEAST, VIEWER if method in SAFE else MAINTAINER
    )
    return found


def account() -> AdminAccount:
    """Who asks, in a view."""
    return own_session().account


def own_session() -> AdminSession:
    """By which they are signed in."""
    found = _session()
    assert found is not None
    return found


def may(least: Role) -> bool:
    """Whether who asks reaches that role."""
    found = _account()
    return found is not None and roles.may(found.role, least)


def done(message: str, to: str) -> ResponseReturnValue:
    """After something was done: shows the page `to`, with a sentence on top of it, once."""
    flashes.say_done(message)
    return redirect(to, 303)


def confirm(
    *,
    question: str,
    follows: Sequence[str],
    label: str,
    action: str,
    back: str,
    values: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """A page that asks before something that hurts: what would follow, a line for the reason, a
    button that does it and a way back. `values`: what the form sends besides."""
    return render_template(
        "admin/confirm.html",
        question=question,
        follows=follows,
        label=label,
        action=action,
        back=back,
        values=values,
    )


def about_sign_in() -> dict[str, object]:
    with database().read() as session:
        is_first = not services.accounts(session)
    return {
        "is_first": is_first,
        "has_provider": bool(settings().oidc_issuer),
        "is_exposed": not request.is_secure and request.host.rpartition(":")[0] not in LOCAL,
        "name": request.form.get("name", "")[:_NAME_SHOWN],
    }


def refreshed(page: str) -> Response:
    """A page that can refresh itself. By the header, and only when asked for: one that reloads
    unasked takes the reader's place away, and one without a script can't do it otherwise."""
    response = Response(page, mimetype="text/html")
    if _is_refreshing():
        response.headers["Refresh"] = str(REFRESH_S)
    return response


def _is_refreshing() -> bool:
    return request.args.get("refresh") == "on"


def _refresh_address() -> str:
    """Of the same page, refreshing itself or not any more."""
    query = {name: value for name, value in request.args.items() if name != "refresh"}
    if not _is_refreshing():
        query["refresh"] = "on"
    return f"?{urlencode(query)}"


def _check() -> ResponseReturnValue | None:
    """Raises RoleTooLow, FormForeign, SignInFailed."""
    least = least_role(request.endpoint or "", request.method)
    if least is not None and _account() is None:
        return _to_sign_in()
    if request.method not in SAFE and not cookie.is_our_form(_sent_token()):
        next_step = "Allow cookies for this page, and try again."
        message = "This form was not the one this server gave out."
        if least is None:
            raise SignInFailed(message, next_step=next_step)
        raise FormForeign(message, next_step="Go back, load the page anew, and try again.")
    if least is not None and not may(least):
        raise RoleTooLow(
            f"This takes the role of {least}; {account().name} is {account().role}.",
            next_step=f"Whoever has the machine can give it: dva admin role NAME {least}",
        )
    return None


def _sent_token() -> str:
    return request.headers.get(FORM_HEADER) or request.form.get(FORM_FIELD, "")


def _to_sign_in() -> ResponseReturnValue:
    """Whoever isn't signed in sees the sign-in form, whatever was asked for: as a page of its own,
    where a script would put it inside of another one."""
    target = url_for("admin.sign_in_form")
    if request.headers.get("HX-Request") == "true":
        return Response(status=204, headers={"HX-Redirect": target})
    return redirect(target, 303)


def _account() -> AdminAccount | None:
    found = _session()
    return None if found is None else found.account


def _session() -> AdminSession | None:
    """Looked up once a request, so that a role that was taken away is gone with the next."""
    if "admin_session" not in g:
        g.admin_session = None
        token = cookie.token()
        if token is not None:
            at = now()
            with database().read() as session:
                g.admin_session = sessions.find(session, token, at)
            _note_seen(g.admin_session, at)
    found: AdminSession | None = g.admin_session
    return found


def _note_seen(found: AdminSession | None, at: datetime) -> None:
    if found is not None and sessions.is_seen_anew(found, at):
        try:
            with database().write() as session:
                sessions.seen(session, found, at)
        except TooManyWriters:
            return  # Whoever only looks isn't turned away for that; the next request notes it.


def _never_stored(response: Response) -> Response:
    response.cache_control.no_store = True
    return response


def _not_let_in(error: SignInError) -> ResponseReturnValue:
    page = render_template("admin/sign_in.html", error=error, **about_sign_in())
    answer = Response(page, error.status)
    if error.wait_s is not None:
        answer.headers["Retry-After"] = str(math.ceil(error.wait_s))
    return answer


def _refused(error: PageRefusal) -> ResponseReturnValue:
    return render_template("admin/refused.html", title="Not allowed", error=error), error.status


def _not_done(error: DvaError) -> ResponseReturnValue:
    """Told on the page that the form is on, with what was typed into it."""
    back = flashes.came_from() if request.method not in SAFE else None
    if back is not None:
        unsaid = (FORM_FIELD, flashes.FROM_FIELD)
        flashes.say_not_done(
            error, {name: value for name, value in request.form.items() if name not in unsaid}
        )
        return redirect(back, 303)
    page = render_template("admin/refused.html", title="Not done", error=error)
    return page, HTTPStatus.CONFLICT


def _not_found(error: NotFound) -> ResponseReturnValue:
    return render_template("admin/refused.html", title="Not found", error=error), error.status


def _about() -> dict[str, object]:
    """What every page says."""
    found = _account()
    return {
        "account": found.name if found else None,
        "role": found.role if found else None,
        "may": may,
        "links": navigation.links(may) if found else [],
        "form_token": cookie.form_token(),
        "form_header": FORM_HEADER,
        "flashes": flashes.said,
        "typed": flashes.typed,
        "refreshing": _is_refreshing(),
        "refresh_address": _refresh_address(),
        "refresh_s": REFRESH_S,
        "version": VERSION,
        "at": now(),
        "kind": database().engine.dialect.name,
    }
