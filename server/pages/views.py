"""The contributor's page, the status, the table of self-tests, and /static."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, make_response, render_template
from werkzeug.security import safe_join

from server.files import send
from server.pages import status as public
from server.pages.edition import edition
from server.pools.views import buckets
from server.security import others
from server.selftests import services as selftests
from server.web import database, settings

blueprint = Blueprint("pages", __name__, template_folder="templates")


@blueprint.get("/")
def index() -> Response:
    own = f"/static/edition-{_edition()}"
    response = make_response(render_template("index.html", own=own))
    response.cache_control.no_cache = True
    return response


@blueprint.get("/status")
def status() -> Response:
    """What is going on here, for everybody."""
    return public.page()


@blueprint.get("/selftests")
def self_tests() -> Response:
    """How devices' self-tests come out, for everybody."""
    with database().read() as session:
        rates = selftests.rates(session)
    least, days = selftests.LEAST_DEVICES, selftests.KEPT.days
    page = render_template("selftests.html", rates=rates, least=least, days=days)
    response = make_response(page)
    response.cache_control.no_cache = True
    return response


@blueprint.get("/static/edition-<name>/<path:path>")
def of_edition(name: str, path: str) -> Response:
    """What the page is made of, to be kept for ever. A page of an older edition gets the files of
    today, as it would without editions, but not to be kept under that name."""
    response = send(_file(path), immutable=name == _edition())
    if not response.cache_control.immutable:
        response.cache_control.no_cache = True
    return response


@blueprint.get("/static/<path:path>")
def static(path: str) -> Response:
    """Revalidated by ETag at each use: these addresses don't change with their content. Pyodide
    and onnxruntime are asked for by them, for they outlast many editions."""
    response = send(_file(path))
    response.cache_control.no_cache = True
    return response


def _edition() -> str:
    return edition(settings().static, others(settings(), buckets().all_origins()))


def _file(path: str) -> Path:
    root = settings().static.resolve()
    inside = safe_join(str(root), path)
    if inside is None or path.endswith(".br"):
        abort(404)
    file = Path(inside)
    if not file.is_file() or not file.resolve().is_relative_to(root):
        abort(404)
    return file
