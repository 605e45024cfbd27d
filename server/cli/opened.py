"""What a command works on: the database of its data folder, and a progress bar."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from server.config import Settings
from server.errors import PoolError

if TYPE_CHECKING:
    from server.db import Database


@contextmanager
def opened(settings: Settings, *, create: bool = False) -> Iterator[Database]:
    """The database with its schema up to date. `create`: the data folder too, if need be."""
    # Here, because they take their time to load, and some commands never open one.
    from server.db import Database
    from server.migrations import migrate

    if not create and not settings.data.is_dir():
        raise PoolError(
            f"There is no data folder {settings.data}.",
            code="data_missing",
            next_step="Say where it is with --data; dva ingest makes a new one.",
        )
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PoolError(f"The data folder can't be made: {error}", code="data_folder") from error
    database = Database(settings.database_url)
    try:
        migrate(database)
        yield database
    finally:
        database.close()


@contextmanager
def bar(title: str, **options: Any) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr, as a function of (done, total)."""
    # A log wants no ten lines a second.
    every = 0.1 if sys.stderr.isatty() else 10.0
    with tqdm(desc=title, file=sys.stderr, mininterval=every, **options) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
