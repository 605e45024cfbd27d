"""The database: SQLite in WAL mode as the embedded default, PostgreSQL by its URL.

Two kinds of transaction, and nothing outside them. `write()` takes SQLite's write lock at once
(BEGIN IMMEDIATE), so a claim never reads what another claim is about to change; on PostgreSQL the
rows are locked where they are selected.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeVar, cast

from sqlalchemy import (
    BigInteger,
    Engine,
    Insert,
    Integer,
    MetaData,
    Table,
    Update,
    bindparam,
    create_engine,
    event,
    insert,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.types import TypeDecorator

V = TypeVar("V")

BUSY_TIMEOUT_MS = 10_000
ADMISSION_S = 2.0
"""How long a writer waits for room: long enough for a burst, short enough to shed a load."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit primary key. SQLite counts up by itself only on a column called INTEGER."""


class TooManyWriters(Exception):
    """So many threads write or wait to that this one isn't let in."""


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime as whole microseconds since 1970: equal and ordered on both databases,
    while SQLite's own datetimes forget their zone."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + timedelta(microseconds=value)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Database:
    """One engine and the two kinds of transaction. `connections`: how many threads use it at a
    time; each keeps one. `writers`: how many of them may write or wait to; None: all."""

    def __init__(self, url: str, *, connections: int = 1, writers: int | None = None) -> None:
        self.engine: Engine = create_engine(
            url, pool_size=connections, pool_pre_ping=not url.startswith("sqlite")
        )
        if self.engine.dialect.name == "sqlite":
            event.listen(self.engine, "connect", _set_up_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._room = None if writers is None else threading.BoundedSemaphore(writers)
        self._writer = self.engine.execution_options(dva_writes=True)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view; nothing is written."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            if self.engine.dialect.name == "postgresql":
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Commits when the block ends, rolls all of it back when the block raises. Raises
        TooManyWriters if there is no room for another one."""
        with (
            self._admitted(),
            Session(self._writer, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    @contextmanager
    def reshape(self) -> Iterator[Connection]:
        """One transaction in which tables may be made anew. SQLite can't alter most of a table,
        and wouldn't let the old one go while others refer to it: there, what refers to what is
        looked at in the end (https://sqlite.org/lang_altertable.html#otheralter)."""
        with self._writer.connect() as connection:
            if connection.dialect.name != "sqlite":
                with connection.begin():
                    yield connection
                return
            connection.detach()  # Its setting isn't to meet anybody else.
            cursor = connection.connection.cursor()
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.close()
            with connection.begin():
                yield connection
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise IntegrityError("foreign_key_check", broken, ValueError(broken))

    @contextmanager
    def _admitted(self) -> Iterator[None]:
        if self._room is None:
            yield
            return
        if not self._room.acquire(timeout=ADMISSION_S):
            raise TooManyWriters
        try:
            yield
        finally:
            self._room.release()

    def close(self) -> None:
        self.engine.dispose()


def insert_now(session: Session, table: type[Base], **values: Any) -> int:
    """A new row, written at once and not known to the session, whose bookkeeping takes several
    times as long as the statement; gives the number that is its key, or begins it."""
    key = session.connection().execute(_new(table), values).inserted_primary_key
    assert key is not None
    return int(key[0])


def update_now(session: Session, rows: Sequence[Base], **values: Any) -> None:
    """Sets the same values in these rows of one table, at once and by one statement; each is as if
    it had been read so."""
    if not rows:
        return
    table = type(rows[0])
    keys = [{f"own_{name}": getattr(row, name) for name in _key(table)} for row in rows]
    session.connection().execute(_change(table, tuple(values)), [{**key, **values} for key in keys])
    for row in rows:
        for name, value in values.items():
            set_committed_value(row, name, value)


def insert_once(session: Session, table: type[Base], **values: Any) -> None:
    """A new row, unless there is one with the same key: two who come at once both find it then."""
    session.connection().execute(_once(session.get_bind().dialect.name, table), values)


def add_counts(
    session: Session,
    table: type[Base],
    *,
    key: Mapping[str, Any],
    counts: Mapping[str, int],
    values: Mapping[str, Any] = MappingProxyType({}),
) -> None:
    """Adds `counts` to the row with this primary key, and sets `values`; makes the row if there is
    none. Added up by the database, so that two who count at the same time both count."""
    statement = _counting(
        session.get_bind().dialect.name, table, tuple(key), tuple(counts), tuple(values)
    )
    session.connection().execute(statement, {**key, **counts, **values})


@lru_cache(maxsize=64)
def _new(table: type[Base]) -> Insert:
    return insert(cast(Table, table.__table__))


@lru_cache(maxsize=64)
def _change(table: type[Base], names: tuple[str, ...]) -> Update:
    statement = update(cast(Table, table.__table__))
    for name in _key(table):
        statement = statement.where(getattr(table, name) == bindparam(f"own_{name}"))
    return statement.values({name: bindparam(name) for name in names})


@lru_cache(maxsize=64)
def _key(table: type[Base]) -> tuple[str, ...]:
    return tuple(column.name for column in cast(Table, table.__table__).primary_key)


def _insert(dialect: str, table: type[Base]) -> Any:
    # One shape, two dialects: neither's class is the other's.
    insert: Any = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    return insert[dialect](table.__table__)


@lru_cache(maxsize=64)
def _once(dialect: str, table: type[Base]) -> Any:
    return _insert(dialect, table).on_conflict_do_nothing()


@lru_cache(maxsize=64)
def _counting(
    dialect: str,
    table: type[Base],
    key: tuple[str, ...],
    counts: tuple[str, ...],
    values: tuple[str, ...],
) -> Any:
    """Putting it together takes ten times as long as running it, and it is the same each time."""
    insert = _insert(dialect, table)
    columns = {name: getattr(table, name) + insert.excluded[name] for name in counts}
    return insert.on_conflict_do_update(
        index_elements=list(key),
        set_={**columns, **{name: insert.excluded[name] for name in values}},
    )


def parts(values: Collection[V], size: int = 1000) -> Iterator[list[V]]:
    """Of many values, so many at a time as a statement may name."""
    listed = list(values)
    for first in range(0, len(listed), size):
        yield listed[first : first + size]


def now() -> datetime:
    return datetime.now(UTC)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    # Without this the driver opens transactions by its own rules, and never an immediate one.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # An accepted result is on the disk before the client hears of it (docs/decisions/0006).
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("dva_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
