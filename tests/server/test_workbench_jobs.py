"""Jobs as rows, and as processes: begun, told of, stopped, failed, given up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from server import db
from server.config import Settings
from server.db import Database, now
from server.errors import WorkbenchError
from server.pools import services as pools
from server.results import services as results
from server.results.services import Result
from server.selection.cut import Cut
from server.selection.cutting import Selected
from server.selection.verify import verify
from server.workbench import folders, process, run, services, snapshot
from server.workbench.services import Ask, Job, Kind
from tests.server.api import Api

SELECTED = Selected(members=3, scored=9, eligible=9, threshold=0.25, digest="d" * 64)


def ask(**changes: object) -> Ask:
    asked: dict[str, object] = {
        "name": "best",
        "cut": Cut(rule="top", value=0.25),
        "standing": "confirmed",
    }
    return Ask(**(asked | changes))  # type: ignore[arg-type]


def begin(
    database: Database, kind: Kind = "cut", at: datetime | None = None, **asked: object
) -> int:
    with database.write() as session:
        pool = pools.get_pool(session, "test")
        at = at or now()
        if kind == "cut":
            return services.begin_cut(session, pool, ask(**asked), "alice", at).id
        return services.begin(session, pool, kind, "alice", at).id


def job(database: Database, number: int) -> Job:
    with database.read() as session:
        return services.get_job(session, number)


def ended(database: Database, number: int) -> Job:
    deadline = time.monotonic() + 120
    while (found := job(database, number)).state == services.RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def test_one_of_a_kind_runs_for_a_pool(pool: str, database: Database) -> None:
    first = begin(database)
    other = begin(database, "snapshot")
    with pytest.raises(WorkbenchError) as refused:
        begin(database)
    assert refused.value.code == "job_running"
    with database.write() as session:
        assert services.finish(session, first, now(), SELECTED)
        assert not services.finish(session, first, now(), SELECTED)
    second = begin(database)
    assert len({first, other, second}) == 3
    with database.read() as session:
        found = pools.get_pool(session, pool)
        assert [each.job_id for each in services.selections(session, found)] == [second, first]
        assert services.find_selection(session, found, second) is None
        whole = services.find_selection(session, found, first)
        assert whole is not None
        assert (whole.members, whole.digest) == (3, "d" * 64)


def test_a_silent_process_is_given_up(pool: str, database: Database) -> None:
    """And what it still says or makes is nobody's."""
    begun = now()
    first = begin(database, at=begun)
    with database.write() as session:
        assert services.tell(session, first, 3, 9, begun + timedelta(seconds=50))
    later = begun + timedelta(seconds=100)
    with database.read() as session:
        assert not services.some_silent(session, later)
        assert services.some_silent(session, later + timedelta(seconds=11))
    second = begin(database, at=later + timedelta(seconds=11))
    assert (job(database, first).state, job(database, first).code) == ("failed", "process_gone")
    with database.write() as session:
        assert not services.tell(session, first, 4, 9, later)
        assert not services.finish(session, first, later, SELECTED)
        services.ask_to_stop(session, second)
        assert not services.tell(session, second, 0, 9, later)
        services.stop(session, second, later)
    assert job(database, second).state == "stopped"


def test_a_busy_database_ends_no_job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db, "BUSY_TIMEOUT_MS", 10)
    url = f"sqlite:///{tmp_path / 'dva.db'}"
    holder, busy = Database(url), Database(url)
    try:
        with holder.write() as session:
            session.execute(text("CREATE TABLE held (number INTEGER)"))
            run.Reporter(busy, 1)(0, 1)
    finally:
        holder.close()
        busy.close()


@pytest.mark.parametrize("name", ["", "   ", "x" * 61, "a\x00b", "a\ud800"])
def test_a_name_is_something_that_can_be_read(pool: str, database: Database, name: str) -> None:
    with pytest.raises(WorkbenchError) as refused:
        begin(database, name=name)
    assert refused.value.code == "name_invalid"


def test_what_is_published_is_found_until_it_is_taken_back(pool: str, database: Database) -> None:
    first = begin(database)
    with database.write() as session:
        services.finish(session, first, now(), SELECTED)
        found = services.find_selection(session, pools.get_pool(session, pool), first)
        assert found is not None
        assert services.published(session) == []
        assert services.find_published(session, "d" * 64) is None
        services.publish(found, now())
    with database.write() as session:
        [known] = services.published(session)
        assert (known.job.pool.name, known.name) == (pool, "best")
        assert services.find_published(session, "d" * 64) is known
        services.unpublish(known)
    with database.read() as session:
        assert services.published(session) == []


def test_what_is_removed_is_neither_running_nor_published(pool: str, database: Database) -> None:
    number = begin(database)

    def removed() -> str:
        try:
            with database.write() as session:
                known = pools.get_pool(session, pool)
                found = services.find_selection(session, known, number, whole=False)
                assert found is not None
                services.remove(session, found)
        except WorkbenchError as refused:
            return refused.code
        return "removed"

    assert removed() == "job_running"
    with database.write() as session:
        services.finish(session, number, now(), SELECTED)
        services.publish(services.selection_of(session, number), now())
    assert removed() == "selection_published"
    with database.write() as session:
        services.unpublish(services.selection_of(session, number))
    assert removed() == "removed"
    with database.read() as session:
        assert services.find_job(session, pools.get_pool(session, pool), number) is None


def test_a_cut_and_a_snapshot_in_processes_of_their_own(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    """Nothing is confirmed at first, so there is nothing to cut; then there is."""
    counted = begin(database, "count")
    run.run(database, settings, counted)
    assert job(database, counted).code == "nothing_to_count"
    failed = begin(database)
    process.start(settings, pool, failed)
    for lease in api.lease(8).leases:
        api.finish(lease)
    assert (ended(database, failed).state, job(database, failed).code) == (
        "failed",
        "nothing_scored",
    )
    with database.write() as session:
        for result in session.scalars(select(Result)).all():
            results.confirm(result)
    cut, look = begin(database), begin(database, "snapshot")
    process.start(settings, pool, cut)
    process.start(settings, pool, look)
    assert ended(database, cut).state == ended(database, look).state == "done"
    folder = folders.selection(settings, pool, cut)
    with database.read() as session:
        found = services.selection_of(session, cut)
    checked = verify(folder, digest=found.digest)
    assert checked.cut_again
    assert (found.members, found.scored) == (5, 16)
    ranked = snapshot.read(folders.snapshot(settings, pool, look))
    assert [len(each) for each in ranked.of("all").values()] == [16, 0]
    assert not list(folders.of_pool(settings, pool).rglob("*.partial"))


def test_only_the_last_snapshots_are_kept(pool: str, settings: Settings) -> None:
    for number in (3, 8, 12, 9):
        folders.snapshot(settings, pool, number).mkdir(parents=True)
    folders.forget_snapshots(settings, pool, keep=12)
    kept = folders.of_pool(settings, pool) / "snapshots"
    assert {path.name for path in kept.iterdir()} == {"9", "12"}


def beats(path: object) -> list[str]:
    """A command that goes on for ever, as does what it began."""
    child = f"import time\nwhile 1:\n open({str(path)!r}, 'a').write('x'); time.sleep(0.02)"
    parent = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"
    return [sys.executable, "-c", parent]


def test_who_stops_a_command_stops_what_it_began(tmp_path: os.PathLike[str]) -> None:
    path = tmp_path / "beats"  # type: ignore[operator]

    def look() -> None:
        if path.exists():
            raise run.Stopped

    with pytest.raises(run.Stopped):
        run.attended(beats(path), look)
    size = path.stat().st_size
    time.sleep(0.2)
    assert path.stat().st_size == size


def test_who_is_killed_takes_the_command_along(tmp_path: Path) -> None:
    """And that one cleans up first."""
    beating, cleaned = tmp_path / "beats", tmp_path / "cleaned"
    child = f"""
import time
from pathlib import Path
from server.workbench.tied import tie
tie()
try:
    while True:
        Path({str(beating)!r}).write_text(str(time.monotonic()))
        time.sleep(0.02)
finally:
    Path({str(cleaned)!r}).touch()
"""
    parent = f"""
import sys
from server.workbench.run import attended
attended([sys.executable, "-c", {child!r}], lambda: None)
"""
    with subprocess.Popen([sys.executable, "-c", parent]) as process:
        until(beating.exists)
        assert not cleaned.exists()
        process.kill()
    until(cleaned.exists)
    assert is_still(beating)


def test_what_does_not_end_is_killed_with_what_it_began(tmp_path: Path) -> None:
    beating = tmp_path / "beats"
    child = f"""
import subprocess, time
from server.workbench.tied import tie
tie(grace_s=0.2)
subprocess.Popen({beats(beating)!r})
while True:
    try:
        time.sleep(60)
    except SystemExit:
        pass
"""
    with subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, start_new_session=True
    ) as process:
        until(beating.exists)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == -signal.SIGKILL
    assert is_still(beating)


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_still(path: Path) -> bool:
    """Nobody writes to it any more."""
    before = path.read_bytes()
    time.sleep(0.2)
    return path.read_bytes() == before


def test_a_command_that_fails_is_told_in_its_own_words() -> None:
    def failing(words: str) -> Callable[[], str]:
        script = f"import sys; sys.stderr.write({words!r}); sys.exit(1)"
        return lambda: run.attended([sys.executable, "-c", script], lambda: None)

    with pytest.raises(WorkbenchError, match=r"^It isn't there\.$") as refused:
        failing("shards: 1\ndva: It isn't there. [pool_unknown]\n     Look.\n")()
    assert refused.value.code == "pool_unknown"
    with pytest.raises(WorkbenchError) as refused:
        failing("Traceback\n")()
    assert refused.value.code == "select_failed"


def test_a_stopped_job_leaves_nothing(
    api: Api, pool: str, database: Database, settings: Settings
) -> None:
    """Nor do those before it that were killed."""
    kept = begin(database)
    with database.write() as session:
        services.finish(session, kept, now(), SELECTED)
    number = begin(database, standing="all")
    selections = folders.selection(settings, pool, kept).parent
    for name in (str(kept), "987", ".987.partial"):
        (selections / name).mkdir(parents=True)
    (folders.snapshot(settings, pool, 986).with_suffix(".partial")).mkdir(parents=True)
    api.finish(api.lease().leases[0])
    with database.write() as session:
        services.ask_to_stop(session, number)
    worker = threading.Thread(target=run.run, args=(database, settings, number))
    worker.start()
    worker.join(60)
    assert job(database, number).state == "stopped"
    assert [path.name for path in selections.iterdir()] == [str(kept)]
    assert not list(folders.snapshot(settings, pool, 986).parent.iterdir())
