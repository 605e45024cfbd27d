"""/selections/DIGEST: what was published of a selection, for everybody who wants to check one."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from flask import Blueprint, Response, make_response, render_template
from flask.typing import ResponseReturnValue

from server.errors import SelectionError
from server.files import send
from server.refusals import NotFound
from server.selection import certificate
from server.selection.certificate import NAME, Certificate
from server.web import database, settings
from server.workbench import folders, services
from server.workbench.services import Selection

DECODED = 8
"""Certificates that are kept in a worker's memory, of those asked for last."""
_DIGEST = re.compile(r"[0-9a-f]{64}")

blueprint = Blueprint("selections", __name__, template_folder="templates")


@blueprint.get("/selections/<digest>")
def published(digest: str) -> ResponseReturnValue:
    found = _found(digest)
    page = render_template("workbench/published.html", found=found, claim=_claim(found))
    response = make_response(page)
    # It may be taken back.
    response.cache_control.no_cache = True
    return response


@blueprint.get(f"/selections/<digest>/{NAME}")
def certificate_file(digest: str) -> Response:
    found = _found(digest)
    path = folders.selection(settings(), found.job.pool.name, found.job_id) / NAME
    if not path.is_file():
        raise NotFound("This certificate isn't here any more.")
    response = send(path, etag=digest)
    response.cache_control.no_cache = True
    return response


def _found(digest: str) -> Selection:
    with database().read() as session:
        found = services.find_published(session, digest) if _DIGEST.fullmatch(digest) else None
    if found is None:
        raise NotFound("No selection with this certificate is published here.")
    return found


def _claim(found: Selection) -> Certificate:
    folder = folders.selection(settings(), found.job.pool.name, found.job_id)
    try:
        return _decoded(folder, (folder / NAME).stat().st_mtime_ns)
    except (OSError, SelectionError) as error:
        raise NotFound("This certificate isn't here any more.") from error


@lru_cache(maxsize=DECODED)
def _decoded(folder: Path, mtime_ns: int) -> Certificate:
    """Of a file that is written once, and lists all score tables: decoding it takes its time, and
    anybody may ask. Raises SelectionError."""
    del mtime_ns
    return certificate.decode(folder)
