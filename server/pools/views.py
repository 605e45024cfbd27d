"""GET bundles and shards."""

from __future__ import annotations

import logging
import re

from dva_agent.bundle import Manifest
from dva_agent.protocol import HERE, BundleSources
from flask import Blueprint, Response, current_app, request

from server.db import now
from server.files import send
from server.history import services as history
from server.pools import bucket, bundles, licences, services
from server.refusals import LicenceUnaccepted, NotFound, ShardUnavailable
from server.web import answer, database, settings

log = logging.getLogger(__name__)
blueprint = Blueprint("pools", __name__)
_BUNDLE = re.compile(r"[0-9a-f]{32}")


def buckets() -> bucket.Buckets:
    """This app's."""
    found = current_app.extensions["dva-buckets"]
    assert isinstance(found, bucket.Buckets)
    return found


@blueprint.get("/bundles/<bundle>")
def bundle_sources(bundle: str) -> Response:
    _require_licence(_registered(bundle))
    return answer(BundleSources(sources=services.bundle_sources(settings(), bundle)))


@blueprint.get("/bundles/<bundle>/<path:path>")
def bundle_file(bundle: str, path: str) -> Response:
    manifest = _registered(bundle)
    found = bundles.file_of(settings().bundles, manifest, path)
    if found is None:
        raise NotFound("No bundle here has this file.")
    _require_licence(manifest)
    where, sha256 = found
    response = send(where.resolve(), etag=sha256, immutable=True)
    if request.method == "GET" and response.status_code in (200, 206):
        history.tally().sent_model(response.content_length or 0, now())
    return response


@blueprint.get("/pools/<pool>/shards/<name>.tar")
def shard(pool: str, name: str) -> Response:
    with database().read() as session:
        found = services.find_shard(session, pool, name)
        there = bucket.object_of(session, found) if found else None
    if found is None:
        raise NotFound("No pool here has this shard.")
    if there and request.method == "GET" and HERE not in request.args:
        address = buckets().address(there)
        if address is not None:
            # Asked for anew each time, so that it is never too old.
            response = Response(status=307, headers={"Location": address})
            response.cache_control.no_store = True
            return response
    try:
        path = services.checked_path(found)
    except ShardUnavailable as error:
        log.error(
            "%s (%s) Put the file back as it was, or ingest it under a new name.", error, found.path
        )
        raise
    return send(path, etag=found.sha256, immutable=True)


def _registered(bundle: str) -> Manifest:
    manifest = None
    if _BUNDLE.fullmatch(bundle):
        manifest = bundles.registered(settings().bundles, bundle)
    if manifest is None:
        raise NotFound("There is no such bundle here.")
    return manifest


def _require_licence(manifest: Manifest) -> None:
    if not licences.is_accepted(settings(), manifest):
        raise LicenceUnaccepted("The licence of this model hasn't been accepted here.")
