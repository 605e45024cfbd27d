"""Kinds of devices and shards that are set aside: what is, since when, and what belongs to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session

from server.db import insert_once
from server.errors import TrustError
from server.pools import services as pools
from server.pools.services import Unit
from server.results.services import Result
from server.trust import decisions
from server.trust.cohort import Cell, DeviceClass
from server.trust.models import BY_CLASS, BY_SHARD, Audit, Quarantine

CLASS_QUARANTINED: Literal["class_quarantined"] = "class_quarantined"
SHARD_QUARANTINED: Literal["shard_quarantined"] = "shard_quarantined"
"""Why a result counts for nothing without being anybody's fault."""
_BUNDLE = 32


@dataclass(frozen=True, kw_only=True)
class Active:
    """All that is set aside at this moment."""

    classes: frozenset[DeviceClass]
    shards: frozenset[int]

    def __bool__(self) -> bool:
        return bool(self.classes or self.shards)

    def cause(self, result: Result, unit: Unit) -> str | None:
        """Why this result is nobody's fault; None if it isn't in quarantine."""
        if unit.shard_id in self.shards:
            return SHARD_QUARANTINED
        return CLASS_QUARANTINED if class_of(result) in self.classes else None

    @property
    def condition(self) -> ColumnElement[bool]:
        """The same, for queries that join results with their units."""
        return or_(
            false(),
            *(
                and_(
                    Result.bundle == each.bundle,
                    Result.rung == each.rung,
                    Result.device_class == each.name,
                )
                for each in self.classes
            ),
            *([Unit.shard_id.in_(self.shards)] if self.shards else []),
        )


def active(session: Session) -> Active:
    found = listed(session)
    return Active(
        classes=frozenset(cell for each in found if isinstance(cell := cell_of(each), DeviceClass)),
        shards=frozenset(cell for each in found if isinstance(cell := cell_of(each), int)),
    )


# What is active is asked with each claim and each failure: made once.
_ALL = select(Quarantine).order_by(Quarantine.id.desc())
_ACTIVE = _ALL.where(Quarantine.lifted_at.is_(None))


def listed(session: Session, *, ended: bool = False) -> Sequence[Quarantine]:
    """The newest first; `ended`: those that were lifted too."""
    return session.scalars(_ALL if ended else _ACTIVE).all()


def impose(session: Session, cell: Cell, *, by: str, reason: str, at: datetime) -> None:
    """Nothing happens where it is in quarantine already."""
    name = name_of(session, cell)
    if _active_named(session, name) is not None:
        return
    values: dict[str, str | int]
    if isinstance(cell, DeviceClass):
        values = {
            "kind": BY_CLASS,
            "bundle": cell.bundle,
            "rung": cell.rung,
            "device_class": cell.name,
        }
    else:
        pools.set_aside(session, cell, True)
        values = {"kind": BY_SHARD, "shard_id": cell}
    insert_once(session, Quarantine, name=name, made_at=at, **values)
    decisions.note(session, decisions.QUARANTINED, name, by=by, reason=reason, at=at)
    session.flush()


def lift(session: Session, name: str, *, by: str, reason: str, at: datetime) -> None:
    """What was set aside is given work again, and what is known by now counts against it no more.
    Raises TrustError."""
    found = _active_named(session, name)
    if found is None:
        raise TrustError(f"{name} isn't in quarantine.", next_step="dva trust list shows what is.")
    found.lifted_at = at
    found.last_audit = session.scalar(select(func.max(Audit.id))) or 0
    if found.shard_id is not None:
        pools.set_aside(session, found.shard_id, False)
    decisions.note(session, decisions.RESTORED, name, by=by, reason=reason, at=at)
    session.flush()


def evidence_after(session: Session) -> int:
    """Audits up to this number are evidence no more: somebody has looked into them."""
    return session.scalar(select(func.max(Quarantine.last_audit))) or 0


def cell_of(quarantine: Quarantine) -> Cell:
    if quarantine.kind == BY_SHARD:
        assert quarantine.shard_id is not None
        return quarantine.shard_id
    assert quarantine.bundle and quarantine.rung and quarantine.device_class is not None
    return DeviceClass(quarantine.bundle, quarantine.rung, quarantine.device_class)


def class_of(result: Result) -> DeviceClass:
    return DeviceClass(result.bundle, result.rung, result.device_class)


def name_of(session: Session, cell: Cell) -> str:
    """What operators call it: POOL/SHARD, or BUNDLE/RUNG/CLASS."""
    if isinstance(cell, DeviceClass):
        return "/".join(cell)
    return pools.shard_name(session, cell)


def named(session: Session, name: str) -> Cell | None:
    """The opposite of `name_of`; None if the name is of another shape. Raises TrustError if there
    is no such shard."""
    first, slash, rest = name.partition("/")
    if not slash:
        return None
    rung, slash, label = rest.partition("/")
    if slash and len(first) == _BUNDLE:
        return DeviceClass(first, rung, label)
    shard = pools.find_shard(session, first, rest)
    if shard is None:
        raise TrustError(
            f"There is no shard {rest} in a pool {first}.",
            next_step="Name a shard as POOL/SHARD, a kind of device as BUNDLE/RUNG/CLASS.",
        )
    return shard.id


def _active_named(session: Session, name: str) -> Quarantine | None:
    return session.scalar(
        select(Quarantine).where(Quarantine.name == name, Quarantine.lifted_at.is_(None))
    )
