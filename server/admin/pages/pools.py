"""/admin/pools: how far each pool is, and what is done about it and its shards."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door
from server.admin.acting import Detail, act
from server.admin.blueprint import blueprint
from server.admin.pages import asked, listed
from server.admin.pool_page import SHARDS_SHOWN, compaction, pool_page, statuses
from server.admin.roles import OPERATOR
from server.db import now
from server.errors import PoolError
from server.pools import services as pools
from server.pools import steering
from server.pools.services import Pool, Shard
from server.refusals import NotFound
from server.trust import operator
from server.web import database, settings


@blueprint.get("/pools")
def pools_page() -> ResponseReturnValue:
    with database().read() as session:
        found = statuses(session, settings(), now())
        kept = compaction(session)
    page = render_template(
        "admin/pools.html",
        pools=sorted(found, key=lambda status: -status.priority),
        compaction=kept,
        after_days=settings().compact_after_days,
    )
    return door.refreshed(page)


@blueprint.get("/pools/<name>")
def pool(name: str) -> ResponseReturnValue:
    wanted = listed.wanted(SHARDS_SHOWN)
    with database().read() as session:
        found = _pool(session, name)
        shown = pool_page(session, settings(), found, wanted.page, now())
    page = render_template(
        "admin/pool.html",
        found=shown,
        wanted=wanted,
        lowest=steering.LOWEST,
        highest=steering.HIGHEST,
        after_days=settings().compact_after_days,
    )
    return door.refreshed(page)


@blueprint.post("/pools/<name>/pause")
@door.at_least(OPERATOR)
def pause_pool(name: str) -> ResponseReturnValue:
    def pause(session: Session) -> Detail | None:
        _pool(session, name)
        return {} if steering.pause(session, name) else None

    return act(
        pause,
        action="pool paused",
        subject=name,
        done="is paused. What is leased will be finished",
        already="was paused already",
        to=url_for("admin.pool", name=name),
    )


@blueprint.post("/pools/<name>/resume")
@door.at_least(OPERATOR)
def resume_pool(name: str) -> ResponseReturnValue:
    def resume(session: Session) -> Detail | None:
        _pool(session, name)
        return {} if steering.resume(session, name) else None

    return act(
        resume,
        action="pool resumed",
        subject=name,
        done="goes on",
        already="wasn't paused",
        to=url_for("admin.pool", name=name),
    )


@blueprint.post("/pools/<name>/priority")
@door.at_least(OPERATOR)
def prioritise_pool(name: str) -> ResponseReturnValue:
    wanted = _priority(asked.field("priority", 20))

    def prioritise(session: Session) -> Detail | None:
        _pool(session, name)
        before = steering.prioritise(session, name, wanted)
        return {"before": before, "after": wanted} if before != wanted else None

    return act(
        prioritise,
        action="priority changed",
        subject=name,
        done=f"has priority {wanted}",
        already=f"had priority {wanted} already",
        to=url_for("admin.pool", name=name),
    )


@blueprint.get("/pools/<name>/shards/<shard>/set-aside")
@door.at_least(OPERATOR)
def ask_set_aside(name: str, shard: str) -> ResponseReturnValue:
    with database().read() as session:
        _shard(session, name, shard)
    return door.confirm(
        question=f"Set {name}/{shard} aside?",
        follows=(
            "None of its units is given out.",
            "What is pending of it is rejected and will be given out anew; nobody is held"
            " responsible.",
            "It can be restored at any time.",
        ),
        label="Set aside",
        action=url_for("admin.set_aside", name=name, shard=shard),
        back=url_for("admin.pool", name=name),
    )


@blueprint.post("/pools/<name>/shards/<shard>/set-aside")
@door.at_least(OPERATOR)
def set_aside(name: str, shard: str) -> ResponseReturnValue:
    why, subject = asked.why(), f"{name}/{shard}"

    def suspend(session: Session) -> Detail | None:
        if _shard(session, name, shard).set_aside:
            return None
        operator.suspend(session, subject, by=door.account().name, reason=why, at=now())
        return {"why": why}

    return act(
        suspend,
        action="shard set aside",
        subject=subject,
        done="is set aside",
        already="was set aside already",
        to=url_for("admin.pool", name=name),
    )


@blueprint.post("/pools/<name>/shards/<shard>/restore")
@door.at_least(OPERATOR)
def restore_shard(name: str, shard: str) -> ResponseReturnValue:
    why, subject = asked.why(), f"{name}/{shard}"

    def restore(session: Session) -> Detail | None:
        if not _shard(session, name, shard).set_aside:
            return None
        operator.restore(session, subject, by=door.account().name, reason=why, at=now())
        return {"why": why}

    return act(
        restore,
        action="shard restored",
        subject=subject,
        done="is given out again",
        already="wasn't set aside",
        to=url_for("admin.pool", name=name),
    )


def _pool(session: Session, name: str) -> Pool:
    """Raises NotFound."""
    found = pools.find_pool(session, name) if pools.POOL_NAME.fullmatch(name) else None
    if found is None:
        raise NotFound("There is no such pool.")
    return found


def _shard(session: Session, pool: str, name: str) -> Shard:
    """Raises NotFound."""
    found = pools.find_shard(session, pool, name)
    if found is None:
        raise NotFound("There is no such shard.")
    return found


def _priority(text: str) -> int:
    """Raises PoolError; out of range is for `steering` to say."""
    try:
        return int(text)
    except ValueError as error:
        raise PoolError(
            f"{text!r} is no priority.",
            code="priority_invalid",
            next_step=f"It is a whole number from {steering.LOWEST} to {steering.HIGHEST}.",
        ) from error
