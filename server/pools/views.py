"""GET bundles and shards."""

from __future__ import annotations

import logging
import re

from flask import Blueprint, Response

from server.errors import LicenceUnaccepted, NotFound, ShardUnavailable
from server.files import send
from server.pools import bundles, licences, services
from server.web import database, settings

log = logging.getLogger(__name__)
blueprint = Blueprint("pools", __name__)
_BUNDLE = re.compile(r"[0-9a-f]{32}")


@blueprint.get("/bundles/<bundle>/<path:path>")
def bundle_file(bundle: str, path: str) -> Response:
    folder = settings().bundles
    manifest = bundles.registered(folder, bundle) if _BUNDLE.fullmatch(bundle) else None
    found = bundles.file_of(folder, manifest, path) if manifest else None
    if manifest is None or found is None:
        raise NotFound("No bundle here has this file.")
    if not licences.is_accepted(settings(), manifest):
        raise LicenceUnaccepted("The licence of this model hasn't been accepted here.")
    where, sha256 = found
    return send(where.resolve(), etag=sha256, immutable=True)


@blueprint.get("/pools/<pool>/shards/<name>.tar")
def shard(pool: str, name: str) -> Response:
    with database().read() as session:
        found = services.find_shard(session, pool, name)
    if found is None:
        raise NotFound("No pool here has this shard.")
    try:
        path = services.checked_path(found)
    except ShardUnavailable as error:
        log.error(
            "%s (%s) Put the file back as it was, or ingest it under a new name.", error, found.path
        )
        raise
    return send(path, etag=found.sha256, immutable=True)
