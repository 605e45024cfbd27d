"""/admin: sign-in, sign-out, the overview, a page for each pool. HTML that needs no script."""

from __future__ import annotations

import math

from flask import (
    Blueprint,
    Flask,
    Response,
    current_app,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue

from server.admin import cookie, services, words
from server.admin.overview import LEASES_SHOWN, overview, pool_page
from server.admin.services import AdminAccount
from server.config import VERSION
from server.db import now
from server.errors import SignInError, SignInFailed, SignInTooOften
from server.limits.rate import network_of
from server.pools import services as pools
from server.problems.services import Tally
from server.refusals import NotFound
from server.web import database, settings

REFRESH_S = 30
LONGEST_FIELD = 2048
LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})

blueprint = Blueprint("admin", __name__, url_prefix="/admin", template_folder="templates")


def init_app(app: Flask, key: str) -> None:
    cookie.init_app(app, key)
    for word in (words.count, words.share, words.duration, words.size, words.clock, words.iso):
        app.jinja_env.filters[word.__name__] = word
    app.register_blueprint(blueprint)


@blueprint.before_request
def require_sign_in() -> ResponseReturnValue | None:
    """Whoever isn't signed in sees the sign-in form, whatever was asked for."""
    if request.endpoint in ("admin.sign_in", "admin.sign_in_form") or _account() is not None:
        return None
    return redirect(url_for("admin.sign_in_form"), 303)


@blueprint.after_request
def never_stored(response: Response) -> Response:
    response.cache_control.no_store = True
    return response


@blueprint.errorhandler(SignInError)
def refused(error: SignInError) -> ResponseReturnValue:
    page = render_template("admin/sign_in.html", error=error, **_about_sign_in())
    answer = Response(page, error.status)
    if isinstance(error, SignInTooOften):
        answer.headers["Retry-After"] = str(math.ceil(error.wait_s))
    return answer


@blueprint.errorhandler(NotFound)
def not_found(error: NotFound) -> ResponseReturnValue:
    return render_template("admin/not_found.html", error=error, **_about()), error.status


@blueprint.get("/sign-in")
def sign_in_form() -> ResponseReturnValue:
    if _account() is not None:
        return redirect(url_for("admin.index"), 303)
    return render_template("admin/sign_in.html", error=None, **_about_sign_in())


@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    if not cookie.is_our_form(request.form.get("form", "")):
        raise SignInFailed(
            "This form was not the one this server gave out.",
            next_step="Allow cookies for this page, and try again.",
        )
    token = services.sign_in(
        database(),
        name=request.form.get("name", "")[:LONGEST_FIELD].strip(),
        password=request.form.get("password", "")[:LONGEST_FIELD],
        network=network_of(request.remote_addr),
        at=now(),
    )
    cookie.keep_token(token)
    return redirect(url_for("admin.index"), 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Another site can't do it either: the worst it could, but rude."""
    if cookie.is_our_form(request.form.get("form", "")):
        with database().write() as session:
            services.sign_out(session, cookie.token() or "")
        cookie.forget()
    return redirect(url_for("admin.sign_in_form"), 303)


@blueprint.get("")
def index() -> ResponseReturnValue:
    # So that a server of one process shows what happened a moment ago.
    tally: Tally = current_app.extensions["dva-problems"]
    tally.flush_now(now())
    with database().read() as session:
        found = overview(session, settings(), now())
    page = render_template(
        "admin/overview.html", found=found, leases_shown=LEASES_SHOWN, **_about()
    )
    return _refreshed(page)


@blueprint.get("/pools/<name>")
def pool(name: str) -> ResponseReturnValue:
    wanted = request.args.get("page", "1")
    number = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 else 1
    with database().read() as session:
        found = pools.find_pool(session, name) if pools.POOL_NAME.fullmatch(name) else None
        if found is None:
            raise NotFound("There is no such pool.")
        shown = pool_page(session, settings(), found, max(number, 1), now())
    return _refreshed(render_template("admin/pool.html", found=shown, **_about()))


def _refreshed(page: str) -> Response:
    """By the header, and only when asked for: a page that reloads unasked takes the reader's place
    away, and one without a script can't do it otherwise."""
    response = Response(page, mimetype="text/html")
    if _is_refreshing():
        response.headers["Refresh"] = str(REFRESH_S)
    return response


def _is_refreshing() -> bool:
    return request.args.get("refresh") == "on"


def _account() -> AdminAccount | None:
    token = cookie.token()
    if token is None:
        return None
    with database().read() as session:
        return services.signed_in(session, token, now())


def _about() -> dict[str, object]:
    """What every page of a signed-in operator says."""
    account = _account()
    return {
        "account": account.name if account else None,
        "form_token": cookie.form_token(),
        "refreshing": _is_refreshing(),
        "refresh_s": REFRESH_S,
        "version": VERSION,
        "at": now(),
        "kind": database().engine.dialect.name,
    }


def _about_sign_in() -> dict[str, object]:
    with database().read() as session:
        is_first = not services.accounts(session)
    return {
        "is_first": is_first,
        "is_exposed": not request.is_secure and request.host.rpartition(":")[0] not in LOCAL,
        "form_token": cookie.form_token(),
        "name": request.form.get("name", "")[:40],
    }
