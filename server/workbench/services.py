"""Jobs and selections as rows: begun, told of, ended, published. Times come from the caller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from sqlalchemy import delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from server.errors import WorkbenchError
from server.pools.services import Pool
from server.results.standing import Standing
from server.selection.cut import Cut
from server.selection.cutting import Selected
from server.workbench.models import (
    COUNT,
    CUT,
    DONE,
    FAILED,
    RUNNING,
    SNAPSHOT,
    STOPPED,
    Job,
    Kind,
    Selection,
)

__all__ = [
    "COUNT",
    "CUT",
    "DONE",
    "FAILED",
    "RUNNING",
    "SNAPSHOT",
    "STOPPED",
    "Job",
    "Kind",
    "Selection",
]

SILENT = timedelta(minutes=1)
"""A job's process says every second that it is there. One that is silent for so long is gone."""
LISTED = 100
LONGEST_NAME = 60
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What to cut: the options of `dva select`. `filters`: see filters.py."""

    name: str
    cut: Cut
    standing: Standing
    filters: Mapping[str, str] = field(default_factory=dict)


def begin(
    session: Session,
    pool: Pool,
    kind: Kind,
    account: str,
    at: datetime,
    query: Mapping[str, str] = NOTHING,
) -> Job:
    """`query`: what a count is of. Raises WorkbenchError while another of its kind runs for this
    pool."""
    end_silent(session, at)
    job = Job(
        pool_id=pool.id,
        kind=kind,
        account=account,
        started_at=at,
        seen_at=at,
        asked=json.dumps(dict(query)),
    )
    try:
        with session.begin_nested():
            session.add(job)
    except IntegrityError as error:
        raise WorkbenchError(
            "One runs for this pool already.",
            code="job_running",
            next_step="Wait until it has ended, or stop it.",
        ) from error
    return job


def begin_cut(session: Session, pool: Pool, ask: Ask, account: str, at: datetime) -> Job:
    """Raises WorkbenchError."""
    name = " ".join(ask.name.split())
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise WorkbenchError(
            f"A selection needs a name of 1 to {LONGEST_NAME} characters.", code="name_invalid"
        )
    job = begin(session, pool, CUT, account, at)
    session.add(
        Selection(
            job_id=job.id,
            name=name,
            rule=ask.cut.rule,
            value=ask.cut.value,
            standing=ask.standing,
            filters=json.dumps(dict(ask.filters)),
        )
    )
    session.flush()
    return job


def end_silent(session: Session, at: datetime) -> int:
    """Jobs whose process is gone, on whatever machine it ran, have failed."""
    ended = session.execute(
        update(Job)
        .where(Job.state == RUNNING, Job.seen_at < at - SILENT)
        .values(
            state=FAILED,
            ended_at=at,
            code="process_gone",
            message="Its process ended without a word.",
        )
        .returning(Job.id)
    )
    return len(ended.all())


def some_silent(session: Session, at: datetime) -> bool:
    """Whether `end_silent` would find any."""
    query = select(Job.id).where(Job.state == RUNNING, Job.seen_at < at - SILENT).limit(1)
    return session.scalar(query) is not None


def tell(session: Session, job: int, done: int, total: int, at: datetime) -> bool:
    """Its process is there, and so far. Whether it is to go on."""
    row = session.get(Job, job, with_for_update=True)
    if row is None or row.state != RUNNING:
        return False
    row.seen_at, row.steps_done, row.steps = at, done, total
    return not row.stop_asked


def ask_to_stop(session: Session, job: int) -> None:
    session.execute(update(Job).where(Job.id == job, Job.state == RUNNING).values(stop_asked=True))


def finish(session: Session, job: int, at: datetime, selected: Selected | None = None) -> bool:
    """False if it had been given up: then what it made is nobody's."""
    row = session.get_one(Job, job, with_for_update=True)
    if row.state != RUNNING:
        return False
    row.state, row.ended_at, row.steps_done = DONE, at, row.steps
    if selected is not None:
        selection = session.get_one(Selection, job)
        selection.scored, selection.members = selected.scored, selected.members
        selection.threshold, selection.digest = selected.threshold, selected.digest
    return True


def fail(session: Session, job: int, at: datetime, *, code: str, message: str) -> None:
    session.execute(
        update(Job)
        .where(Job.id == job, Job.state == RUNNING)
        .values(state=FAILED, ended_at=at, code=code, message=message)
    )


def stop(session: Session, job: int, at: datetime) -> None:
    """Because it was asked to."""
    session.execute(
        update(Job).where(Job.id == job, Job.state == RUNNING).values(state=STOPPED, ended_at=at)
    )


def get_job(session: Session, job: int) -> Job:
    return session.get_one(Job, job, options=[joinedload(Job.pool)])


def find_job(session: Session, pool: Pool, job: int) -> Job | None:
    return session.scalar(select(Job).where(Job.id == job, Job.pool_id == pool.id))


def latest(session: Session, pool: Pool, kind: Kind, state: str | None = None) -> Job | None:
    query = select(Job).where(Job.pool_id == pool.id, Job.kind == kind)
    if state is not None:
        query = query.where(Job.state == state)
    return session.scalar(query.order_by(Job.id.desc()).limit(1))


def selection_of(session: Session, job: int) -> Selection:
    return session.get_one(Selection, job)


def selections(session: Session, pool: Pool) -> Sequence[Selection]:
    """Of a pool, the newest first, those too that failed or still run."""
    return session.scalars(
        select(Selection)
        .join(Selection.job)
        .where(Job.pool_id == pool.id)
        .order_by(Job.id.desc())
        .limit(LISTED)
        .options(joinedload(Selection.job))
    ).all()


def find_selection(
    session: Session, pool: Pool, job: int, *, whole: bool = True
) -> Selection | None:
    """With `whole`, not one that failed or still runs."""
    query = (
        select(Selection)
        .join(Selection.job)
        .where(Job.id == job, Job.pool_id == pool.id)
        .options(joinedload(Selection.job).joinedload(Job.pool))
    )
    return session.scalar(query.where(Job.state == DONE) if whole else query)


def require_removable(selection: Selection) -> None:
    """Raises WorkbenchError while it is cut, or published."""
    if selection.job.state == RUNNING:
        raise WorkbenchError(
            "It is still being cut.", code="job_running", next_step="Stop it first."
        )
    if selection.published_at is not None:
        raise _published()


def remove(session: Session, selection: Selection) -> None:
    """Its row and its job's; the files are the caller's. Raises WorkbenchError."""
    require_removable(selection)
    # Somebody may publish it just now.
    gone = session.execute(
        delete(Selection)
        .where(Selection.job_id == selection.job_id, Selection.published_at.is_(None))
        .returning(Selection.job_id)
    )
    if gone.first() is None:
        raise _published()
    session.execute(delete(Job).where(Job.id == selection.job_id))


def kept(session: Session, pool: Pool, kind: Kind) -> set[int]:
    """Jobs that still run, or whose work is wanted."""
    query = select(Job.id).where(
        Job.pool_id == pool.id, Job.kind == kind, Job.state.in_((RUNNING, DONE))
    )
    return set(session.scalars(query))


def publish(selection: Selection, at: datetime) -> None:
    selection.published_at = selection.published_at or at


def unpublish(selection: Selection) -> None:
    selection.published_at = None


def published(session: Session, limit: int = LISTED) -> Sequence[Selection]:
    """What everybody may know of, the latest first, each with its `job` and that one's `pool`."""
    return session.scalars(
        select(Selection)
        .where(Selection.published_at.is_not(None))
        .order_by(Selection.published_at.desc(), Selection.job_id.desc())
        .limit(limit)
        .options(joinedload(Selection.job).joinedload(Job.pool))
    ).all()


def find_published(session: Session, digest: str) -> Selection | None:
    return session.scalar(
        select(Selection)
        .where(Selection.digest == digest, Selection.published_at.is_not(None))
        .order_by(Selection.job_id)
        .limit(1)
        .options(joinedload(Selection.job).joinedload(Job.pool))
    )


def _published() -> WorkbenchError:
    return WorkbenchError(
        "It is published, and everybody may check it.",
        code="selection_published",
        next_step="Take it back first.",
    )
