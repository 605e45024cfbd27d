"""The message about what is going on here, for everybody: as dva_agent.protocol's others."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from dva_agent.protocol import Count, Hash, Identifier, Message


class PoolActivity(Message, frozen=True, kw_only=True):
    """How far a pool is, and how fast it goes."""

    pool: Identifier
    title: str
    agent: Identifier
    bundle: Hash
    pairs: Count
    pairs_done: Count
    """Those that have a result, whether it is confirmed yet or not."""
    pairs_hour: Count
    """Of the results of the last hour."""
    seconds_left: Annotated[float, Meta(ge=0)] | None = None
    """If it goes on as in the last hour; null: that can't be told. 0: it is done."""


class Throughput(Message, frozen=True, kw_only=True):
    """Pairs of the results that came in each period, the oldest first; the last one is running."""

    period_s: Literal[60, 3600]
    since: datetime
    pairs: list[Count]


class NamedContributor(Message, frozen=True, kw_only=True):
    """Somebody who chose a name."""

    name: str
    pairs: Count
    """Confirmed."""


class PublishedSelection(Message, frozen=True, kw_only=True):
    """A subset that was cut here and published."""

    pool: Identifier
    name: str
    members: Count
    scored: Count
    """Of so many."""
    digest: str
    """The certificate's sha256: `dva verify-selection FOLDER DIGEST` checks it."""
    published: datetime


class Activity(Message, frozen=True, kw_only=True):
    """GET /activity: answers without sign-in; made anew every few seconds."""

    as_of: datetime
    pools: list[PoolActivity]
    pairs_minutes: Count
    """Of the results of the last five minutes."""
    pairs_hour: Count
    pairs_day: Count
    throughput: Throughput
    contributors: Count
    """Whoever has registered and not deleted the account."""
    contributors_now: Count
    """Of whom a device was seen within ten minutes."""
    devices_now: Count
    named: list[NamedContributor]
    """The fifty with the most confirmed pairs among those who chose a name and have any."""
    selections: list[PublishedSelection]
    """The latest twenty."""
