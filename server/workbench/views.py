"""/admin/selections, /admin/pools/POOL/workbench and what is below it. HTML that needs no script;
with one, the line is dragged and only what changed is loaded anew."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, jsonify, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door, log
from server.admin.roles import MAINTAINER, OPERATOR, may
from server.db import now
from server.errors import RoleTooLow, SelectionError, WorkbenchError
from server.files import send
from server.pools import services as pools
from server.pools.services import Pool
from server.refusals import NotFound
from server.results.services import Standing
from server.web import NUMBER, database, settings
from server.workbench import (
    asked,
    filters,
    folders,
    look,
    overlap,
    packed,
    process,
    samples,
    services,
)
from server.workbench.asked import Asked
from server.workbench.look import BANDS, OUTPUTS, Band, Told
from server.workbench.samples import Sample
from server.workbench.services import CUT, RUNNING, SNAPSHOT, Ask, Selection
from server.workbench.snapshot import Snapshot

LARGEST_LIST = 1 << 28
"""Bytes of an upload: 16 million uids."""
PICTURE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
"""Whatever a picture's bytes turn out to be, they run nothing and load nothing."""
_SLUG = re.compile(r"[^a-z0-9]+")
BENCH = "/pools/<name>/workbench"

blueprint = Blueprint("workbench", __name__, url_prefix="/admin", template_folder="templates")


@blueprint.before_request
def give_lists_room() -> None:
    """Before the form is looked at for its token: this one form is larger than any other."""
    if request.endpoint == "workbench.add_list":
        request.max_content_length = LARGEST_LIST


door.guard(blueprint)


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
        pool = _pool(session, name)
        found, fault = _snapshot(session, pool)
        wanted = asked.read(request.args, _default(found))
        known = look.choices(session, settings(), pool)
        told, drawing = Told(fault=fault), None
        shown: Mapping[Band, list[Sample]] = {}
        if found is not None:
            try:
                other = look.other_of(wanted, known)
                told = look.tell(found, wanted, other)
                drawing = look.picture(found, wanted, other)
            except SelectionError as error:
                told = Told(fault=str(error))
            if told.line is not None:
                shown = look.bands(session, settings(), pool, found, wanted, told.line)
        return render_template(
            "workbench/bench.html",
            pool=pool,
            found=found,
            asked=wanted,
            told=told,
            drawing=drawing,
            data=look.script_data(drawing, told, wanted) if drawing else None,
            command=look.command(name, wanted) if told.line else None,
            choices=known,
            pairs=shown,
            pages=dict.fromkeys(BANDS, 0),
            behind=_behind(session, pool, found),
            **_selections(session, pool),
        )


@blueprint.get(BENCH + "/line")
@door.at_least(OPERATOR)
def tell_line(name: str) -> ResponseReturnValue:
    """For the page's script: JSON."""
    with database().read() as session:
        pool = _pool(session, name)
        found = look.current(session, settings(), pool)
        if found is None:
            raise NotFound("There is no snapshot of this pool yet.")
        wanted = asked.read(request.args, _default(found))
        known = look.choices(session, settings(), pool) if wanted.other else []
    told = look.tell(found, wanted, look.other_of(wanted, known))
    command = look.command(name, wanted) if told.line else None
    return jsonify({**told.as_json, "command": command})


@blueprint.get(BENCH + "/pairs")
@door.at_least(OPERATOR)
def pairs(name: str) -> ResponseReturnValue:
    """The bands, or another page of one of them, as a piece of the page."""
    with database().read() as session:
        pool = _pool(session, name)
        found = look.current(session, settings(), pool)
        if found is None:
            raise NotFound("There is no snapshot of this pool yet.")
        wanted = asked.read(request.args, _default(found))
        told = look.tell(found, wanted, None)
        which = next((each for each in BANDS if each == request.args.get("band")), None)
        number = asked.page(request.args)
        shown: dict[Band, list[Sample]] = {}
        if told.line is not None:
            for each in BANDS if which is None else (which,):
                shown[each] = look.band(
                    session, settings(), pool, found, wanted, told.line, each, number
                )
        return render_template(
            "workbench/pairs.html" if "HX-Request" in request.headers else "workbench/more.html",
            pool=pool,
            asked=wanted,
            told=told,
            pairs=shown,
            pages=dict.fromkeys(BANDS, number),
        )


@blueprint.get(BENCH + "/pictures/<unit>/<uid>")
@door.at_least(OPERATOR)
def picture(name: str, unit: str, uid: str) -> ResponseReturnValue:
    with database().read() as session:
        found = samples.picture(session, settings(), _pool(session, name), unit, uid)
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
        pool = _pool(session, name)
        return render_template("workbench/selections.html", pool=pool, **_selections(session, pool))


@blueprint.post(BENCH + "/snapshot")
@door.at_least(OPERATOR)
def take_snapshot(name: str) -> ResponseReturnValue:
    with database().write() as session:
        pool = _pool(session, name)
        job = services.begin(session, pool, SNAPSHOT, door.account().name, now())
        log.record(session, door.account(), "snapshot begun", name, {"job": job.id})
    _start(name, job.id)
    return _back(name, "The scores are being read. This page is of the older ones until then.")


@blueprint.post(BENCH + "/cut")
@door.at_least(MAINTAINER)
def cut(name: str) -> ResponseReturnValue:
    wanted = asked.read(request.form, "confirmed")
    left_out = filters.read(request.form)
    ask = Ask(
        name=request.form.get("name", ""),
        cut=wanted.cut,
        standing=wanted.standing,
        filters=left_out,
    )
    with database().write() as session:
        pool = _pool(session, name)
        job = services.begin_cut(session, pool, ask, door.account().name, now())
        log.record(
            session,
            door.account(),
            "selection begun",
            name,
            {"job": job.id, "name": ask.name, **wanted.query, **left_out},
        )
    _start(name, job.id)
    return _back(name, "The cut has begun.", wanted)


@blueprint.post(BENCH + f"/jobs/{NUMBER}/stop")
@door.at_least(OPERATOR)
def stop(name: str, number: int) -> ResponseReturnValue:
    """Raises RoleTooLow where an operator stops a cut."""
    with database().write() as session:
        job = services.find_job(session, _pool(session, name), number)
        if job is None:
            raise NotFound("There is no such job.")
        if job.kind == CUT and not may(door.account().role, MAINTAINER):
            raise RoleTooLow(
                f"This takes the role of {MAINTAINER}.", next_step="Ask who began the cut."
            )
        services.ask_to_stop(session, number)
        log.record(session, door.account(), f"{job.kind} stopped", name, {"job": number})
    return _back(name, "It has been told to stop.")


@blueprint.post(BENCH + f"/selections/{NUMBER}/publish")
@door.at_least(MAINTAINER)
def publish(name: str, number: int) -> ResponseReturnValue:
    with database().write() as session:
        found = _selection(session, name, number)
        services.publish(found, now())
        _record_selection(session, "selection published", name, found)
    return _back(name, f"{found.name} is published.")


@blueprint.post(BENCH + f"/selections/{NUMBER}/unpublish")
@door.at_least(MAINTAINER)
def unpublish(name: str, number: int) -> ResponseReturnValue:
    with database().write() as session:
        found = _selection(session, name, number)
        services.unpublish(found)
        _record_selection(session, "selection unpublished", name, found)
    return _back(name, f"{found.name} isn't published any more.")


@blueprint.get(BENCH + f"/selections/{NUMBER}/<file>")
@door.at_least(OPERATOR)
def download(name: str, number: int, file: str) -> ResponseReturnValue:
    with database().read() as session:
        found = _selection(session, name, number)
    folder = folders.selection(settings(), name, number)
    slug = f"{name}-{_SLUG.sub('-', found.name.lower()).strip('-') or 'selection'}-{number}"
    if file == "all.tar" and folder.is_dir():
        response = Response(packed.pack(folder, slug), mimetype="application/x-tar")
        response.content_length = packed.length(folder, slug)
        return _attached(response, f"{slug}.tar")
    if file not in OUTPUTS or not (folder / file).is_file():
        raise NotFound("This selection has no such file.")
    return _attached(send(folder / file), f"{slug}-{file}")


@blueprint.post(BENCH + "/lists")
@door.at_least(OPERATOR)
def add_list(name: str) -> ResponseReturnValue:
    sent = request.files.get("list")
    if sent is None or not sent.filename:
        raise WorkbenchError("Choose a file first.", code="list_missing")
    title = Path(sent.filename).stem[:60]
    with database().read() as session:
        _pool(session, name)
    with tempfile.TemporaryDirectory() as scratch, closing(sent):
        kept = Path(scratch) / "list.npy"
        sent.save(kept)
        count = overlap.keep_list(kept, folders.lists(settings(), name), title)
    with database().write() as session:
        log.record(session, door.account(), "list uploaded", name, {"list": title, "uids": count})
    return _back(name, f"{title} has {count:,} uids.", Asked(other=f"list:{title}"))


@blueprint.post(BENCH + "/lists/<title>/remove")
@door.at_least(OPERATOR)
def remove_list(name: str, title: str) -> ResponseReturnValue:
    folder = folders.lists(settings(), name)
    with database().write() as session:
        _pool(session, name)
        if title not in overlap.names(folder):
            raise NotFound("There is no such list.")
        log.record(session, door.account(), "list removed", name, {"list": title})
    (folder / f"{title}.npy").unlink(missing_ok=True)
    return _back(name, f"{title} is removed.")


def _pool(session: Session, name: str) -> Pool:
    found = pools.find_pool(session, name) if pools.POOL_NAME.fullmatch(name) else None
    if found is None:
        raise NotFound("There is no such pool.")
    return found


def _selection(session: Session, name: str, number: int) -> Selection:
    found = services.find_selection(session, _pool(session, name), number)
    if found is None:
        raise NotFound("There is no such selection.")
    return found


def _snapshot(session: Session, pool: Pool) -> tuple[Snapshot | None, str | None]:
    try:
        return look.current(session, settings(), pool), None
    except SelectionError as error:
        return None, f"{error} {error.next_step}"


def _default(found: Snapshot | None) -> Standing:
    """What is confirmed, if anything is."""
    return "confirmed" if found is None or len(found.by_state["confirmed"]) else "all"


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


def _record_selection(session: Session, action: str, name: str, found: Selection) -> None:
    detail = {"job": found.job_id, "name": found.name, "digest": found.digest}
    log.record(session, door.account(), action, name, detail)


def _give_up_silent() -> None:
    """Only where there is something to give up: pages don't write."""
    with database().read() as session:
        some = services.some_silent(session, now())
    if some:
        with database().write() as session:
            services.end_silent(session, now())


def _start(name: str, job: int) -> None:
    """Raises WorkbenchError; then the job has failed."""
    try:
        process.start(settings(), name, job)
    except WorkbenchError as error:
        with database().write() as session:
            services.fail(session, job, now(), code=error.code, message=str(error))
        raise


def _back(name: str, message: str, wanted: Asked | None = None) -> ResponseReturnValue:
    query: dict[str, Any] = {} if wanted is None else dict(wanted.query)
    return door.done(message, url_for("workbench.bench", name=name, **query))


def _attached(response: Response, name: str) -> Response:
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
