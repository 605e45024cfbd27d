"""What every view of the API needs: the app's parts, a message in, a message out."""

from __future__ import annotations

import hmac
from typing import TypeVar

import brotli
from dva_agent.errors import MessageError
from dva_agent.protocol import Message, decode, encode
from flask import Response, current_app, request
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors.door import Door, origins_of
from server.contributors.services import may_work, signed_in
from server.db import Database, now
from server.keys import Keys
from server.limits.rate import network_of
from server.refusals import MediaTypeUnsupported, MessageInvalid

M = TypeVar("M", bound=Message)

NUMBER = f"<int(max={2**31 - 1}):number>"
"""In a route: a row's number, no larger than a database's own are."""
PACK_FROM_BYTES = 2048
PACK_QUALITY = 4
"""Takes 1 ms for the leases of 768 pairs, and brings most of what there is to gain."""


def settings() -> Settings:
    found = current_app.extensions["dva-settings"]
    assert isinstance(found, Settings)
    return found


def database() -> Database:
    found = current_app.extensions["dva-database"]
    assert isinstance(found, Database)
    return found


def keys() -> Keys:
    found = current_app.extensions["dva-keys"]
    assert isinstance(found, Keys)
    return found


def door() -> Door:
    """For proofs that this request brings. Raises OriginUnknown."""
    origins = origins_of(settings().own_origins, request.host_url)
    return Door(keys=keys(), origins=origins)


def message(kind: type[M]) -> M:
    """The request's body. Raises MediaTypeUnsupported, MessageInvalid."""
    if request.mimetype != "application/json":
        raise MediaTypeUnsupported("The body must be application/json.")
    try:
        return decode(request.get_data(cache=False), kind)
    except MessageError as error:
        raise MessageInvalid(str(error)) from error


def device(session: Session) -> str:
    """Who asks. Raises NotSignedIn."""
    return signed_in(session, keys(), request.headers.get("Authorization"), now())


def worker(session: Session) -> str:
    """Who asks, if that device may take work and post results. Raises NotSignedIn, NotAdmitted."""
    return may_work(session, keys(), request.headers.get("Authorization"), now())


def network() -> str | None:
    """A name for the network that asks, the same for all of its addresses, from which it can't be
    told without the server's secret. None: this machine itself."""
    found = network_of(request.remote_addr)
    if found is None:
        return None
    return hmac.digest(keys().network, found.encode(), "sha256").hex()[:32]


def answer(body: Message, status: int = 200) -> Response:
    """A long one, such as leases with their hundreds of pairs, is packed: a quarter is left."""
    content = encode(body)
    response = Response(status=status, mimetype="application/json")
    response.vary.add("Accept-Encoding")
    if len(content) >= PACK_FROM_BYTES and request.accept_encodings.quality("br") > 0:
        content = brotli.compress(content, quality=PACK_QUALITY)
        response.headers["Content-Encoding"] = "br"
    response.set_data(content)
    response.cache_control.no_store = True
    return response
