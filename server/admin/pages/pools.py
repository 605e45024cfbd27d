"""/admin/pools: each pool with its shards."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from server.admin import door
from server.admin.blueprint import blueprint
from server.admin.overview import pool_page
from server.admin.pages import asked
from server.db import now
from server.pools import services as pools
from server.refusals import NotFound
from server.web import database, settings


@blueprint.get("/pools/<name>")
def pool(name: str) -> ResponseReturnValue:
    with database().read() as session:
        found = pools.find_pool(session, name) if pools.POOL_NAME.fullmatch(name) else None
        if found is None:
            raise NotFound("There is no such pool.")
        shown = pool_page(session, settings(), found, asked.number("page", 1), now())
    return door.refreshed(render_template("admin/pool.html", found=shown))
