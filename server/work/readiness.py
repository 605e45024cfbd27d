"""Whether a device is ready for a bundle: it has shown lately that it computes the golden pairs
rightly, on the rung that it works on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from dva_agent import protocol
from dva_agent.agents.base import DataAgent
from dva_agent.readiness import SelfTest, SelfTestVerdict
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import services as contributors
from server.pools import bundles
from server.pools.services import Served
from server.refusals import BundleUnknown, RungUntested
from server.selftests import judging
from server.selftests import services as selftests


def prove(
    session: Session, settings: Settings, device: str, told: SelfTest, at: datetime
) -> SelfTestVerdict:
    """Judges a self-test and keeps what it came to. Raises BundleUnknown."""
    manifest = bundles.registered(settings.bundles, told.bundle)
    spec = manifest.rungs.get(told.rung) if manifest else None
    if manifest is None or spec is None:
        raise BundleUnknown(f"There is no bundle {told.bundle} here that knows {told.rung}.")
    golden = bundles.registered_golden(settings.bundles, manifest)
    passed = told.sound and judging.is_right(spec, golden, told.scores)
    contributors.lock(session, device, at)
    selftests.forget(session, at)
    selftests.record(
        session,
        device=device,
        bundle=told.bundle,
        rung=told.rung,
        passed=passed,
        device_class=contributors.clean(told.device_class),
        agent_version=contributors.agent_version(session, device),
        browser=told.browser,
        at=at,
    )
    return SelfTestVerdict(passed=passed, expires_in_s=selftests.FRESH.total_seconds())


def ready(
    session: Session, device: str, served: Sequence[Served], at: datetime
) -> Collection[Served]:
    """Those of the pools that the device may get units of."""
    if not any(pool.with_model for pool in served):
        return served
    fresh = selftests.fresh(session, device, contributors.agent_version(session, device), at)
    return [pool for pool in served if not pool.with_model or pool.bundle in fresh]


def require_tested(
    session: Session, device: str, agent: DataAgent, posted: protocol.Result
) -> None:
    """Raises RungUntested where the arithmetic that a result says it is of hasn't passed."""
    if "model" in agent.needs and not selftests.has_passed(
        session, device, posted.bundle, posted.rung, contributors.clean(posted.device_class)
    ):
        raise RungUntested(f"This device's self-test on {posted.rung} hasn't passed.")
