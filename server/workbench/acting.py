"""Below /admin/pools/POOL/workbench: what is done. Jobs are begun and stopped, selections published
and deleted, lists uploaded."""

from __future__ import annotations

import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door, log
from server.admin.pages.asked import why
from server.admin.roles import MAINTAINER, OPERATOR, may
from server.db import now
from server.errors import RoleTooLow, SelectionError, WorkbenchError
from server.refusals import NotFound
from server.web import NUMBER, database, settings
from server.workbench import asked, counting, folders, look, others, process, services
from server.workbench.asked import Asked
from server.workbench.blueprint import (
    BENCH,
    blueprint,
    default_standing,
    pool_of,
    selection_of,
)
from server.workbench.services import COUNT, CUT, RUNNING, SNAPSHOT, Ask, Selection


@blueprint.post(BENCH + "/snapshot")
@door.at_least(OPERATOR)
def take_snapshot(name: str) -> ResponseReturnValue:
    with database().write() as session:
        pool = pool_of(session, name)
        job = services.begin(session, pool, SNAPSHOT, door.account().name, now())
        log.record(session, door.account(), "snapshot begun", name, {"job": job.id})
    _start(name, job.id)
    return _back(name, "The scores are being read. This page is of the older ones until then.")


@blueprint.post(BENCH + "/count")
@door.at_least(OPERATOR)
def count(name: str) -> ResponseReturnValue:
    """What the filters leave, or what another selection shares with that; then shows it."""
    with database().read() as session:
        pool = pool_of(session, name)
        found = look.current(session, settings(), pool)
        if found is None:
            raise NotFound("There is no snapshot of this pool yet.")
        wanted = asked.read(request.form, default_standing(found))
        known = others.choices(session, settings(), pool)
        busy = services.latest(session, pool, COUNT, RUNNING) is not None
    try:
        waits = counting.waits(found, wanted, known)
    except SelectionError:
        # The page says it, beside the fields.
        return _back(name, None, wanted)
    if waits is None or busy:
        return _back(name, None, wanted)
    with database().write() as session:
        pool = pool_of(session, name)
        job = services.begin(session, pool, COUNT, door.account().name, now(), wanted.counted)
    _start(name, job.id)
    return _back(name, None, wanted)


@blueprint.post(BENCH + "/cut")
@door.at_least(MAINTAINER)
def cut(name: str) -> ResponseReturnValue:
    wanted = asked.read(request.form, "confirmed")
    ask = Ask(
        name=request.form.get("name", ""),
        cut=wanted.cut,
        standing=wanted.standing,
        filters=wanted.left_out,
    )
    with database().write() as session:
        pool = pool_of(session, name)
        job = services.begin_cut(session, pool, ask, door.account().name, now())
        log.record(
            session,
            door.account(),
            "selection begun",
            name,
            {"job": job.id, "name": ask.name, **wanted.query},
        )
    _start(name, job.id)
    return _back(name, "The cut has begun.", wanted)


@blueprint.post(BENCH + f"/jobs/{NUMBER}/stop")
@door.at_least(OPERATOR)
def stop(name: str, number: int) -> ResponseReturnValue:
    """Raises RoleTooLow where an operator stops a cut."""
    with database().write() as session:
        job = services.find_job(session, pool_of(session, name), number)
        if job is None:
            raise NotFound("There is no such job.")
        if job.kind == CUT and not may(door.account().role, MAINTAINER):
            raise RoleTooLow(
                f"This takes the role of {MAINTAINER}.", next_step="Ask who began the cut."
            )
        services.ask_to_stop(session, number)
        log.record(session, door.account(), f"{job.kind} stopped", name, {"job": number})
        shown = asked.read(job.query, "confirmed") if job.kind == COUNT else None
    return _back(name, "It has been told to stop.", shown)


@blueprint.post(BENCH + f"/selections/{NUMBER}/publish")
@door.at_least(MAINTAINER)
def publish(name: str, number: int) -> ResponseReturnValue:
    with database().write() as session:
        found = selection_of(session, name, number)
        services.publish(found, now())
        _record_selection(session, "selection published", name, found)
    return _back(name, f"{found.name} is published.")


@blueprint.post(BENCH + f"/selections/{NUMBER}/unpublish")
@door.at_least(MAINTAINER)
def unpublish(name: str, number: int) -> ResponseReturnValue:
    with database().write() as session:
        found = selection_of(session, name, number)
        services.unpublish(found)
        _record_selection(session, "selection unpublished", name, found)
    return _back(name, f"{found.name} isn't published any more.")


@blueprint.get(BENCH + f"/selections/{NUMBER}/delete")
@door.at_least(MAINTAINER)
def ask_delete(name: str, number: int) -> ResponseReturnValue:
    """Raises WorkbenchError while it is published, or still cut."""
    with database().read() as session:
        found = selection_of(session, name, number, whole=False)
    services.require_removable(found)
    follows = ["Its files are removed from the server, and can't be brought back."]
    if found.digest:
        follows.append(
            "Whoever has the files can still check them by the certificate's digest, "
            f"{found.digest[:12]}…"
        )
    return door.confirm(
        question=f"Delete {found.name}?",
        follows=follows,
        label="Delete",
        action=url_for("workbench.delete", name=name, number=number),
        back=url_for("workbench.bench", name=name),
    )


@blueprint.post(BENCH + f"/selections/{NUMBER}/delete")
@door.at_least(MAINTAINER)
def delete(name: str, number: int) -> ResponseReturnValue:
    """Raises WorkbenchError while it is published, or still cut."""
    with database().write() as session:
        found = selection_of(session, name, number, whole=False)
        title = found.name
        _record_selection(session, "selection deleted", name, found, why=why())
        services.remove(session, found)
    # Should that be broken off here, the next job of this pool does it.
    folders.forget_selection(settings(), name, number)
    return _back(name, f"{title} is deleted.")


@blueprint.post(BENCH + "/lists")
@door.at_least(OPERATOR)
def add_list(name: str) -> ResponseReturnValue:
    sent = request.files.get("list")
    if sent is None or not sent.filename:
        raise WorkbenchError("Choose a file first.", code="list_missing")
    title = Path(sent.filename).stem[:60]
    with database().read() as session:
        pool_of(session, name)
    with tempfile.TemporaryDirectory() as scratch, closing(sent):
        kept = Path(scratch) / "list.npy"
        sent.save(kept)
        count = others.keep_list(kept, folders.lists(settings(), name), title)
    with database().write() as session:
        log.record(session, door.account(), "list uploaded", name, {"list": title, "uids": count})
    return _back(name, f"{title} has {count:,} uids.", Asked(other=f"list:{title}"))


@blueprint.post(BENCH + "/lists/<title>/remove")
@door.at_least(OPERATOR)
def remove_list(name: str, title: str) -> ResponseReturnValue:
    folder = folders.lists(settings(), name)
    with database().write() as session:
        pool_of(session, name)
        if title not in others.names(folder):
            raise NotFound("There is no such list.")
        log.record(session, door.account(), "list removed", name, {"list": title})
    (folder / f"{title}.npy").unlink(missing_ok=True)
    return _back(name, f"{title} is removed.")


def _record_selection(
    session: Session, action: str, name: str, found: Selection, **more: str
) -> None:
    detail = {"job": found.job_id, "name": found.name, "digest": found.digest, **more}
    log.record(session, door.account(), action, name, detail)


def _start(name: str, job: int) -> None:
    """Raises WorkbenchError; then the job has failed."""
    try:
        process.start(settings(), name, job)
    except WorkbenchError as error:
        with database().write() as session:
            services.fail(session, job, now(), code=error.code, message=str(error))
        raise


def _back(name: str, message: str | None, wanted: Asked | None = None) -> ResponseReturnValue:
    query: dict[str, Any] = {} if wanted is None else dict(wanted.query)
    where = url_for("workbench.bench", name=name, **query)
    return redirect(where, 303) if message is None else door.done(message, where)
