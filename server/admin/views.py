"""/admin: sign-in, sign-out, the overview. HTML that needs no script; where there is one, an action
changes the page without loading all of it anew."""

from __future__ import annotations

from flask import Flask, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from server.admin import cookie, door, flashes, log, plots, services, sessions, spans, words
from server.admin.blueprint import blueprint
from server.admin.overview import LEASES_SHOWN, overview
from server.admin.pages import bundles as _bundles
from server.admin.pages import contributors as _contributors
from server.admin.pages import devices as _devices
from server.admin.pages import economics as _economics
from server.admin.pages import history as _history
from server.admin.pages import log as _log
from server.admin.pages import oidc as _oidc
from server.admin.pages import pools as _pools
from server.admin.pages import reports as _reports
from server.admin.pages.sessions import whence
from server.admin.provider import Provider
from server.admin.roles import VIEWER
from server.config import Settings
from server.db import now
from server.history import services as history
from server.problems.services import Tally
from server.web import database
from server.web import settings as current_settings

LONGEST_FIELD = 2048
PAGES = (
    _economics,
    _history,
    _pools,
    _contributors,
    _devices,
    _bundles,
    _reports,
    _log,
    _oidc,
)
"""Imported for what they add to the blueprint."""


def init_app(app: Flask, settings: Settings, key: str) -> None:
    cookie.init_app(app, key)
    for word in words.FILTERS:
        app.jinja_env.filters[word.__name__] = word
    # A macro has no context of its own to look these up in.
    app.jinja_env.globals.update(form_token=cookie.form_token, form_page=flashes.here)
    app.extensions[_oidc.EXTENSION] = Provider(settings)
    app.register_blueprint(blueprint)


@blueprint.get("/sign-in")
@door.without_account
def sign_in_form() -> ResponseReturnValue:
    if door.may(VIEWER):
        return redirect(url_for("admin.index"), 303)
    return render_template("admin/sign_in.html", error=None, **door.about_sign_in())


@blueprint.post("/sign-in")
@door.without_account
def sign_in() -> ResponseReturnValue:
    token = services.sign_in(
        database(),
        name=request.form.get("name", "")[:LONGEST_FIELD].strip(),
        password=request.form.get("password", "")[:LONGEST_FIELD],
        whence=whence(),
        at=now(),
    )
    cookie.keep_token(token)
    return redirect(url_for("admin.index"), 303)


@blueprint.post("/sign-out")
@door.at_least(VIEWER)
def sign_out() -> ResponseReturnValue:
    with database().write() as session:
        sessions.end(session, door.own_session())
        log.record(session, door.account(), "signed out", door.account().name)
    cookie.forget()
    return redirect(url_for("admin.sign_in_form"), 303)


@blueprint.get("")
def index() -> ResponseReturnValue:
    # So that a server of one process shows what happened a moment ago.
    tally: Tally = current_app.extensions["dva-problems"]
    tally.flush_now(now())
    history.tally().flush_now(now())
    span = spans.named(request.args.get("span", "")) or spans.HOUR
    with database().read() as session:
        found = overview(session, current_settings(), now(), span)
    page = render_template(
        "admin/overview.html",
        found=found,
        span=span,
        spans=spans.SPANS,
        leases_shown=LEASES_SHOWN,
        lines=plots.LINES,
        said=plots.said,
    )
    return door.refreshed(page)
