"""The contributor's page and /static."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, abort, make_response, render_template
from werkzeug.security import safe_join

from server.files import send
from server.web import settings

blueprint = Blueprint("pages", __name__, template_folder="templates")


@blueprint.get("/")
def index() -> Response:
    response = make_response(render_template("index.html"))
    response.cache_control.no_cache = True
    return response


@blueprint.get("/static/<path:path>")
def static(path: str) -> Response:
    """Revalidated by ETag at each use: these addresses don't change with their content."""
    root = settings().static.resolve()
    inside = safe_join(str(root), path)
    if inside is None or path.endswith(".br"):
        abort(404)
    file = Path(inside)
    if not file.is_file() or not file.resolve().is_relative_to(root):
        abort(404)
    response = send(file)
    response.cache_control.no_cache = True
    return response
