"""GET /healthz, /readyz and /metrics: for the machines that watch over the server."""

from __future__ import annotations

import hmac
import ipaddress
from http import HTTPStatus

import msgspec
from flask import Blueprint, Response, request
from prometheus_client import CONTENT_TYPE_LATEST
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from server.config import Settings
from server.db import Database, now
from server.migrations import newest
from server.pools import bundles
from server.pools import services as pools
from server.telemetry import exposition
from server.web import database, settings

FORWARDED = ("X-Forwarded-For", "X-Real-IP", "Forwarded")

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def healthz() -> Response:
    """The process answers."""
    return _plain("ok", HTTPStatus.OK)


@blueprint.get("/readyz")
def readyz() -> Response:
    """The process can do its work: what is checked, and what is wrong with it; 503 if anything."""
    found = checks(settings(), database())
    ready = not any(found.values())
    body = {"ready": ready, "checks": {name: fault or "ok" for name, fault in found.items()}}
    response = Response(
        msgspec.json.encode(body),
        HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE,
        mimetype="application/json",
    )
    response.cache_control.no_store = True
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """For this machine, or for who knows DVA_METRICS_TOKEN."""
    if not _may_look():
        return _plain(
            "Metrics are for this machine, or for who sends DVA_METRICS_TOKEN as a bearer token.",
            HTTPStatus.FORBIDDEN,
        )
    response = Response(exposition(database(), now()), content_type=CONTENT_TYPE_LATEST)
    response.cache_control.no_store = True
    return response


def checks(settings: Settings, database: Database) -> dict[str, str]:
    """What has to be right, and in a word what isn't: empty if it is."""
    found = {"database": "", "schema": "", "bundles": ""}
    try:
        with database.read() as session:
            version = session.scalar(text("SELECT version_num FROM alembic_version"))
            if version != newest():
                found["schema"] = "not up to date"
            used = {pool.bundle for pool in pools.statuses(session, {})}
    except (SQLAlchemyError, PoolTimeout):
        return {**found, "database": "unreachable"}
    if not all(bundles.is_whole(settings.bundles, bundle) for bundle in used):
        found["bundles"] = "unreadable"
    return found


def _may_look() -> bool:
    token = settings().metrics_token
    given = request.headers.get("Authorization", "").encode("utf-8", "replace")
    if token and hmac.compare_digest(given, f"Bearer {token}".encode()):
        return True
    # A proxy on this machine asks from here too, for anybody: it can be told by what it adds.
    return _is_loopback(request.remote_addr) and not any(h in request.headers for h in FORWARDED)


def _is_loopback(address: str | None) -> bool:
    try:
        return ipaddress.ip_address(address or "").is_loopback
    except ValueError:
        return False


def _plain(body: str, status: HTTPStatus) -> Response:
    response = Response(body + "\n", status, mimetype="text/plain")
    response.cache_control.no_store = True
    return response
