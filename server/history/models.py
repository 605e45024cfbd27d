"""What was counted in a minute or an hour, and how things stood in it. Few rows, however large the
pools are: old minutes go after two days, old hours after a bit more than a year."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, SmallInteger
from sqlalchemy.orm import Mapped, mapped_column

from server.db import Base, UtcTime


class PoolCount(Base):
    """What happened on one pool. All but `period_s`, `start` and `pool_id` are sums."""

    __tablename__ = "history_pool"

    period_s: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    """60 or 3600: every event is in a row of each."""
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    pool_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """No foreign key: what was done isn't undone when a pool goes."""
    leases: Mapped[int] = mapped_column(default=0)
    """Units that were handed out."""
    bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """What fetching them transfers: their spans, or their captions as they were sent."""
    results: Mapped[int] = mapped_column(default=0)
    pairs: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of those results, also those that turned out broken."""
    again_pairs: Mapped[int] = mapped_column(BigInteger, default=0)
    """Those among them whose unit had a result already: replication."""
    new_pairs: Mapped[int] = mapped_column(BigInteger, default=0)
    """Whose coin was thrown while their device was on probation."""
    new_drawn: Mapped[int] = mapped_column(BigInteger, default=0)
    """Drawn of those, to be recomputed."""
    known_pairs: Mapped[int] = mapped_column(BigInteger, default=0)
    """The same after probation."""
    known_drawn: Mapped[int] = mapped_column(BigInteger, default=0)


class ServerCount(Base):
    """What happened on no pool in particular."""

    __tablename__ = "history_server"

    period_s: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    refused: Mapped[int] = mapped_column(default=0)
    """Answers of status 400 to 499."""
    failed: Mapped[int] = mapped_column(default=0)
    """Of status 500 and more."""
    model_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    """Of bundles' files, as this server was asked for them; what mirrors send isn't known."""
    confirmed: Mapped[int] = mapped_column(default=0, server_default="0")
    """Results, when that was decided, whenever they came."""
    rejected: Mapped[int] = mapped_column(default=0, server_default="0")
    """The same, and those that were revoked after they were confirmed."""


class Level(Base):
    """How things stood when somebody first posted something in that minute or hour. No row: nobody
    did, so nobody looked."""

    __tablename__ = "history_level"

    period_s: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    start: Mapped[datetime] = mapped_column(UtcTime, primary_key=True)
    leases: Mapped[int]
    """Held."""
    backlog_pairs: Mapped[int] = mapped_column(BigInteger)
    """Waiting for an audit."""
    devices: Mapped[int]
    """Seen within ten minutes."""
    contributors: Mapped[int]
    """Whose they are."""
