"""/admin/selections, /admin/pools/POOL/workbench: what is looked at."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flask import Response, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door
from server.admin.roles import OPERATOR
from server.db import now
from server.errors import SelectionError
from server.files import send
from server.pools import services as pools
from server.pools.services import Pool
from server.refusals import NotFound
from server.web import NUMBER, database, settings
from server.workbench import asked, counting, folders, look, others, packed, samples, services
from server.workbench.asked import Asked
from server.workbench.blueprint import (
    BENCH,
    blueprint,
    default_standing,
    pool_of,
    selection_of,
    snapshot_of,
)
from server.workbench.look import BANDS, OUTPUTS, Band, Looked, Told
from server.workbench.others import Choice
from server.workbench.samples import Sample
from server.workbench.services import COUNT, RUNNING, SNAPSHOT
from server.workbench.snapshot import Snapshot

PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Whatever a picture's bytes turn out to be, they run nothing and load nothing."""
UNCOUNTED = "What is left hasn't been counted yet."
_SLUG = re.compile(r"[^a-z0-9]+")


@blueprint.get("/selections")
@door.at_least(OPERATOR)
def index() -> ResponseReturnValue:
    with database().read() as session:
        found = [
            (pool, services.selections(session, pool)[:5])
            for name in sorted(pools.ids(session))
            for pool in [pools.get_pool(session, name)]
        ]
        return render_template("workbench/index.html", pools=found)


@blueprint.get(BENCH)
@door.at_least(OPERATOR)
def bench(name: str) -> ResponseReturnValue:
    _give_up_silent()
    with database().read() as session:
        pool = pool_of(session, name)
        found, fault = snapshot_of(session, pool)
        wanted = asked.read(request.args, default_standing(found))
        known = others.choices(session, settings(), pool)
        seen = Looked(told=Told(fault=fault)) if found is None else look.look(found, wanted, known)
        told, drawing = seen.told, seen.drawing
        shown: Mapping[Band, list[Sample]] = {}
        if seen.view is not None and told.line is not None:
            shown = look.bands(session, settings(), pool, seen.view, told)
        return render_template(
            "workbench/bench.html",
            pool=pool,
            found=found,
            asked=wanted,
            view=seen.view,
            told=told,
            drawing=drawing,
            data=look.script_data(drawing, told, wanted) if drawing else None,
            strata=look.strata(told.division) if told.division else [],
            command=look.command(name, wanted, known) if told.line else None,
            choices=known,
            pairs=shown,
            pages=dict.fromkeys(BANDS, 0),
            behind=_behind(session, pool, found),
            **_counting(session, pool, wanted, seen.waits),
            **_selections(session, pool),
        )


@blueprint.get(BENCH + "/counting")
@door.at_least(OPERATOR)
def show_counting(name: str) -> ResponseReturnValue:
    """How far it is, as a piece of the page: it is asked for while something is counted."""
    _give_up_silent()
    with database().read() as session:
        pool = pool_of(session, name)
        found, wanted, known = _asked(session, pool)
        try:
            waits = counting.waits(found, wanted, known)
        except SelectionError:
            # The whole page says it.
            waits = None
        return render_template(
            "workbench/counting.html",
            pool=pool,
            asked=wanted,
            **_counting(session, pool, wanted, waits),
        )


@blueprint.get(BENCH + "/line")
@door.at_least(OPERATOR)
def tell_line(name: str) -> ResponseReturnValue:
    """For the page's script: JSON."""
    with database().read() as session:
        found, wanted, known = _asked(session, pool_of(session, name))
    seen = look.look(found, wanted, known)
    told = seen.told if seen.view else Told(fault=seen.told.fault or UNCOUNTED)
    command = look.command(name, wanted, known) if told.line else None
    return jsonify({**told.as_json, "command": command})


@blueprint.get(BENCH + "/pairs")
@door.at_least(OPERATOR)
def pairs(name: str) -> ResponseReturnValue:
    """The bands, or another page of one of them, as a piece of the page."""
    with database().read() as session:
        pool = pool_of(session, name)
        found, wanted, known = _asked(session, pool)
        seen = look.look(found, wanted, known)
        which = next((each for each in BANDS if each == request.args.get("band")), None)
        number = asked.page(request.args)
        shown: dict[Band, list[Sample]] = {}
        if seen.view is not None and seen.told.line is not None:
            for each in BANDS if which is None else (which,):
                shown[each] = look.band(
                    session, settings(), pool, seen.view, seen.told, each, number
                )
        return render_template(
            "workbench/pairs.html" if "HX-Request" in request.headers else "workbench/more.html",
            pool=pool,
            asked=wanted,
            told=seen.told,
            pairs=shown,
            pages=dict.fromkeys(BANDS, number),
        )


@blueprint.get(BENCH + "/pictures/<unit>/<uid>")
@door.at_least(OPERATOR)
def picture(name: str, unit: str, uid: str) -> ResponseReturnValue:
    with database().read() as session:
        found = samples.picture(session, settings(), pool_of(session, name), unit, uid)
    response = Response(found.data, mimetype=found.kind)
    response.headers["Content-Security-Policy"] = PICTURE_POLICY
    response.headers["Content-Disposition"] = "inline"
    return response


@blueprint.get(BENCH + "/selections")
@door.at_least(OPERATOR)
def selections(name: str) -> ResponseReturnValue:
    """The list, as a piece of the page: it is asked for while something runs."""
    _give_up_silent()
    with database().read() as session:
        pool = pool_of(session, name)
        return render_template("workbench/selections.html", pool=pool, **_selections(session, pool))


@blueprint.get(BENCH + f"/selections/{NUMBER}/<file>")
@door.at_least(OPERATOR)
def download(name: str, number: int, file: str) -> ResponseReturnValue:
    with database().read() as session:
        found = selection_of(session, name, number)
    folder = folders.selection(settings(), name, number)
    slug = f"{name}-{_SLUG.sub('-', found.name.lower()).strip('-') or 'selection'}-{number}"
    if file == "all.tar" and folder.is_dir():
        response = Response(packed.pack(folder, slug), mimetype="application/x-tar")
        response.content_length = packed.length(folder, slug)
        return _attached(response, f"{slug}.tar")
    if file not in OUTPUTS or not (folder / file).is_file():
        raise NotFound("This selection has no such file.")
    return _attached(send(folder / file), f"{slug}-{file}")


def _asked(session: Session, pool: Pool) -> tuple[Snapshot, Asked, list[Choice]]:
    """Raises NotFound without a snapshot."""
    found = look.current(session, settings(), pool)
    if found is None:
        raise NotFound("There is no snapshot of this pool yet.")
    wanted = asked.read(request.args, default_standing(found))
    return found, wanted, others.choices(session, settings(), pool)


def _counting(
    session: Session, pool: Pool, wanted: Asked, waits: counting.Waits | None
) -> dict[str, object]:
    job = services.latest(session, pool, COUNT)
    return {
        "waits": waits,
        "count_job": job,
        "is_same": job is not None and job.query == wanted.counted,
    }


def _behind(session: Session, pool: Pool, found: Snapshot | None) -> int:
    """Pairs that were done since the snapshot; below 0 where work was taken back."""
    done = sum(shard.pairs_done for shard in pools.shards_of(session, pool))
    return done - (found.facts.pairs_done if found else 0)


def _selections(session: Session, pool: Pool) -> dict[str, object]:
    found = services.selections(session, pool)
    snapshot_job = services.latest(session, pool, SNAPSHOT)
    return {
        "selections": found,
        "running": any(each.job.state == RUNNING for each in found)
        or (snapshot_job is not None and snapshot_job.state == RUNNING),
        "snapshot_job": snapshot_job,
        "outputs": OUTPUTS,
    }


def _give_up_silent() -> None:
    """Only where there is something to give up: pages don't write."""
    with database().read() as session:
        some = services.some_silent(session, now())
    if some:
        with database().write() as session:
            services.end_silent(session, now())


def _attached(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
