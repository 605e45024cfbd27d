"""What other domains may ask of self-tests. The golden scores are public: this finds devices that
are broken, not people who are dishonest."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Integer, bindparam, cast, delete, func, select
from sqlalchemy.orm import Session

from server.db import add_counts
from server.selftests.cards import card_of
from server.selftests.models import SelfTest

FRESH = timedelta(days=1)
"""How long a self-test counts. Drivers and browsers renew themselves overnight; and a minute of
testing a day is little."""

KEPT = timedelta(days=30)
FORGET_AT_ONCE = 100

LEAST_DEVICES = 3
"""A group of fewer isn't shown to everybody: somebody might know whose device it is."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How the latest self-tests of a kind of device came out. `tests`: at most one for each device
    and bundle."""

    card: str
    browser: str
    rung: str
    devices: int
    tests: int
    passed: int


@dataclass(frozen=True, kw_only=True)
class Told:
    """The latest self-test of a device on a rung of a bundle."""

    bundle: str
    rung: str
    passed: bool
    tested_at: datetime
    browser: str
    passes: int
    failures: int


def record(
    session: Session,
    *,
    device: str,
    bundle: str,
    rung: str,
    passed: bool,
    device_class: str,
    agent_version: str,
    browser: str,
    at: datetime,
) -> None:
    """The latest one takes the place of the one before it."""
    add_counts(
        session,
        SelfTest,
        key={"device_id": device, "bundle": bundle, "rung": rung},
        counts={"passes": int(passed), "failures": int(not passed)},
        values={
            "passed": passed,
            "tested_at": at,
            "device_class": device_class,
            "agent_version": agent_version,
            "card": card_of(device_class),
            "browser": browser,
        },
    )


def told_by(session: Session, device: str) -> list[Told]:
    """The newest first."""
    rows = session.scalars(
        select(SelfTest).where(SelfTest.device_id == device).order_by(SelfTest.tested_at.desc())
    )
    return [
        Told(
            bundle=row.bundle,
            rung=row.rung,
            passed=row.passed,
            tested_at=row.tested_at,
            browser=row.browser,
            passes=row.passes,
            failures=row.failures,
        )
        for row in rows
    ]


# With each self-test, each claim and each result: made once.
_FRESH = select(SelfTest.bundle).where(
    SelfTest.device_id == bindparam("device"),
    SelfTest.passed,
    SelfTest.tested_at > bindparam("since"),
    SelfTest.agent_version == bindparam("version"),
)
_LATEST = select(SelfTest.passed, SelfTest.device_class).where(
    SelfTest.device_id == bindparam("device"),
    SelfTest.bundle == bindparam("bundle"),
    SelfTest.rung == bindparam("rung"),
)
_OLD = (
    select(SelfTest.device_id, SelfTest.bundle, SelfTest.rung)
    .where(SelfTest.tested_at <= bindparam("before"))
    .limit(FORGET_AT_ONCE)
    .with_for_update(skip_locked=True)
)


def fresh(session: Session, device: str, agent_version: str, at: datetime) -> set[str]:
    """The bundles of which some rung passed on this device lately, by this very agent."""
    of = {"device": device, "version": agent_version, "since": at - FRESH}
    return set(session.scalars(_FRESH, of))


def has_passed(session: Session, device: str, bundle: str, rung: str, device_class: str) -> bool:
    """Whether this device's last self-test there passed. It needn't be fresh any more: what was
    leased on it may be finished."""
    of = {"device": device, "bundle": bundle, "rung": rung}
    found = session.execute(_LATEST, of).one_or_none()
    return found is not None and found.passed and found.device_class == device_class


def drop(session: Session, devices: Collection[str]) -> None:
    """What these devices said of themselves goes."""
    session.execute(delete(SelfTest).where(SelfTest.device_id.in_(devices)))


def forget(session: Session, at: datetime) -> None:
    """Drops some of those that are old; called as often as new ones come."""
    for device, bundle, rung in session.execute(_OLD, {"before": at - KEPT}).all():
        session.execute(
            delete(SelfTest).where(
                SelfTest.device_id == device, SelfTest.bundle == bundle, SelfTest.rung == rung
            )
        )


def rates(session: Session, *, least: int = LEAST_DEVICES, bundle: str | None = None) -> list[Rate]:
    """By card, browser and rung, those of most devices first; only groups of `least` devices or
    more, of one bundle or of all. There are as many groups as there are cards that cards.py
    knows."""
    devices = func.count(SelfTest.device_id.distinct())
    of_bundle = [] if bundle is None else [SelfTest.bundle == bundle]
    rows = session.execute(
        select(
            SelfTest.card,
            SelfTest.browser,
            SelfTest.rung,
            devices,
            func.count(),
            func.sum(cast(SelfTest.passed, Integer)),
        )
        .where(*of_bundle)
        .group_by(SelfTest.card, SelfTest.browser, SelfTest.rung)
        .having(devices >= least)
        .order_by(devices.desc(), SelfTest.card, SelfTest.browser, SelfTest.rung)
    )
    return [
        Rate(
            card=card,
            browser=browser,
            rung=rung,
            devices=int(devices),
            tests=int(tests),
            passed=int(passed),
        )
        for card, browser, rung, devices, tests, passed in rows
    ]
