"""Units whose shard is compacted: the ledger still says what they came to."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from dva_agent.credit import WorkedUnit
from sqlalchemy.orm import Session

from server.config import Settings
from server.credit.services import Decided
from server.errors import PoolError
from server.pools import services as pools
from server.results import compacted

log = logging.getLogger(__name__)


def told(session: Session, settings: Settings, confirmed: Sequence[Decided]) -> list[WorkedUnit]:
    """As they were told while their rows were there."""
    found = []
    for each in confirmed:
        earned = each.earned
        unit = pools.get_unit(session, earned.unit)
        try:
            posted_at = compacted.taken_at(session, settings, unit.shard, earned.result_id)
        except PoolError as error:
            # Nobody's history ends because of one file; dva doctor finds it too.
            log.error("%s", error)
            posted_at = each.made_at
        found.append(
            WorkedUnit(
                result=earned.result_id,
                unit=unit.name,
                pool=unit.shard.pool.name,
                posted_at=posted_at,
                pairs=earned.pairs,
                credits=earned.amount,
                state="confirmed",
                reason=each.reason,
            )
        )
    return found
