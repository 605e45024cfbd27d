"""`dva audit`: draw, recompute, judge, settle, until there is nothing left or somebody ends it.

Several may run over one database. What one of them is killed over is claimed by another once its
claim has run out, and nothing is lost or counted twice.
"""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dva_agent.agents.base import Outcome
from dva_agent.errors import BundleError, DvaError
from sqlalchemy.orm import Session

from server.contributors import services as contributors
from server.credit import services as credit
from server.db import Database, now
from server.pools import bundles
from server.pools import services as pools
from server.pools.services import Unit
from server.refusals import AgentUnknown
from server.results import services as results
from server.results.services import Result
from server.trust import aside, drawing, looking, queue, settling, tails, unreadable, verdicts
from server.trust.judging import Verdict
from server.trust.models import FAILED, Audit
from server.trust.recompute import Recomputer
from server.trust.settling import Court, Decided, Judged

log = logging.getLogger(__name__)
COINS_AT_ONCE = 100
PAIRS_AT_ONCE = 64
"""Claimed together, or one audit: many of a few pairs each, and still far less than what a slow
machine computes before its claim runs out."""
REPORT_EVERY = timedelta(seconds=10)


@dataclass(frozen=True, kw_only=True)
class Done:
    """One audit that this process has finished."""

    audit: int
    kind: str
    device: str
    unit: str
    pairs: int
    judged: Judged
    largest: float | None


@dataclass(frozen=True, kw_only=True)
class _Case:
    """What is needed to recompute an audit, read before."""

    audit: Audit
    result: Result
    unit: Unit
    places: tuple[int, ...]
    before: list[Audit]


class Auditor:
    """One process's. `close` it."""

    def __init__(
        self,
        database: Database,
        court: Court,
        *,
        threads: int = 0,
        clock: Callable[[], datetime] = now,
    ) -> None:
        """`threads`: of one run of the model; 0 lets onnxruntime choose."""
        self.name = f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(4)}"
        self._database = database
        self._court = court
        self._recomputer = Recomputer(court.settings, threads=threads)
        self._clock = clock
        self._started = clock()
        self._reported: datetime | None = None
        self._looked: datetime | None = None
        self._put_off: dict[str, datetime] = {}
        """Devices of which something can't be settled, and until when they are left alone."""
        self._pairs = 0
        self._busy_s = 0.0

    def step(self) -> list[Done] | bool:
        """One thing that there is to do: some audits, which it gives, or draws (True). False:
        nothing is to be done now. Raises what a database raises; an audit that fails to be
        recomputed, or settled, is told in the log, and tried again after its claim."""
        self._report()
        self._look()
        drawn = self._take_out() or self._draw()
        cases = self._claim()
        if cases:
            return self._audit(cases) or True
        return drawn or self._draw_tails()

    def close(self) -> None:
        """It is counted on no more."""
        try:
            with self._database.write() as session:
                queue.leave(session, self.name)
        finally:
            self._recomputer.close()

    def _look(self) -> None:
        """Whether failures have something in common, now and then; and what is to be forgotten."""
        at = self._clock()
        if self._looked is not None and at - self._looked < looking.EVERY:
            return
        self._looked = at
        with self._database.read() as session:
            found = looking.findings(session) if looking.is_worth_it(session) else None
        with self._database.write() as session:
            contributors.forget(session, self._court.settings, at)
            if found is not None:
                looking.act_on(session, found, at)

    def _take_out(self) -> bool:
        with self._database.read() as session:
            if not aside.are_due(session):
                return False
        with self._database.write() as session:
            aside.take_out(session, self._court, self._clock())
            credit.project(session)
        return True

    def _draw(self) -> bool:
        with self._database.read() as session:
            if not results.undrawn_devices(session, 1):
                return False
        with self._database.write() as session:
            return (
                drawing.throw_coins(session, self._court.secret, COINS_AT_ONCE, self._clock()) > 0
            )

    def _draw_tails(self) -> bool:
        """One transaction for each device, for one of them may have what can't be settled."""
        at = self._clock()
        drawn = False
        with self._database.read() as session:
            due = tails.due(session, at)
        for device in due:
            if self._put_off.get(device, at) > at:
                continue
            try:
                with self._database.write() as session:
                    drawn |= tails.draw(session, self._court, device, at)
            except DvaError as error:
                self._put_off[device] = at + queue.CLAIM
                log.error("the results of device %s can't be settled: %s", device, error)
        return drawn

    def _claim(self) -> list[_Case]:
        with self._database.read() as session:
            if not queue.is_open(session, self._clock()):
                return []
        with self._database.write() as session:
            audits = queue.claim(session, self.name, self._clock(), pairs=PAIRS_AT_ONCE)
            before = settling.earlier(session, audits)
            return [self._case(session, audit, before[audit.id]) for audit in audits]

    def _case(self, session: Session, audit: Audit, before: list[Audit]) -> _Case:
        result = results.get(session, audit.result_id)
        return _Case(
            audit=audit,
            result=result,
            unit=pools.get_unit(session, result.unit_id),
            places=verdicts.compared(result.statuses, drawing.unpack(audit.positions)),
            before=before,
        )

    def _audit(self, cases: Sequence[_Case]) -> list[Done]:
        """Those of them that could be recomputed, settled for one device after the other."""
        found: dict[str, list[tuple[_Case, Decided]]] = {}
        for case in cases:
            decided = self._decide(case)
            if decided is not None:
                found.setdefault(case.audit.device_id, []).append((case, decided))
        done = []
        for device, of_device in found.items():
            decisions = [decided for _, decided in of_device]
            try:
                with self._database.write() as session:
                    judged = settling.settle_all(session, self._court, decisions, self._clock())
            except DvaError as error:
                log.error(
                    "what audits of device %s found can't be settled: %s; it is tried again in "
                    "%.0f minutes",
                    device,
                    error,
                    queue.CLAIM.total_seconds() / 60,
                )
                continue
            done += [
                Done(
                    audit=case.audit.id,
                    kind=case.audit.kind,
                    device=case.audit.device_id,
                    unit=case.unit.name,
                    pairs=len(case.places),
                    judged=what,
                    largest=decided.verdict.largest if decided.verdict else None,
                )
                for (case, decided), what in zip(of_device, judged, strict=True)
            ]
        if any(each.judged.confirmed or each.judged.state == FAILED for each in done):
            with self._database.write() as session:
                credit.project(session)
        return done

    def _decide(self, case: _Case) -> Decided | None:
        """None, and a line in the log, for what can't be recomputed now."""
        started = time.monotonic()
        try:
            verdict, recomputed = self._judge(case)
        except (DvaError, OSError) as error:
            log.error(
                "audit %s of unit %s can't be made: %s; it is tried again in %.0f minutes",
                case.audit.id,
                case.unit.name,
                error,
                queue.CLAIM.total_seconds() / 60,
            )
            if unreadable.is_why(error, case.unit):
                with self._database.write() as session:
                    unreadable.found(session, case.audit.id, case.unit, error, self._clock())
            return None
        self._pairs += len(case.places)
        self._busy_s += time.monotonic() - started
        return Decided(audit=case.audit.id, verdict=verdict, recomputed=recomputed)

    def _judge(self, case: _Case) -> tuple[Verdict | None, tuple[bytes, bytes] | None]:
        """The verdict over all pairs of the result that were looked at for it, and what came out of
        this audit's own."""
        if not case.places:
            return None, None
        pool = case.unit.shard.pool
        agent = pools.agent_of(pool)
        manifest = bundles.registered(self._court.settings.bundles, pool.bundle)
        if agent is None:
            raise AgentUnknown(f"This machine lacks the agent {pool.agent}.")
        if manifest is None:
            raise BundleError(f"The bundle {pool.bundle} isn't registered here.")
        found = self._recomputer.recompute(case.unit, agent, case.places)
        earlier = [
            pair
            for audit in case.before
            for pair in verdicts.outcomes(
                audit.recomputed or b"",
                audit.recomputed_statuses or b"",
                range(len(audit.recomputed_statuses or b"")),
            ).pairs
        ]
        places = [
            *(
                place
                for audit in case.before
                for place in verdicts.compared(
                    case.result.statuses, drawing.unpack(audit.positions)
                )
            ),
            *case.places,
        ]
        verdict = verdicts.judge(
            agent,
            manifest,
            self._recomputer.tolerance(pool.bundle),
            verdicts.outcomes(case.result.scores, case.result.statuses, places),
            Outcome(pairs=[*earlier, *found.pairs]),
        )
        return verdict, verdicts.pack(found, len(agent.columns))

    def _report(self) -> None:
        at = self._clock()
        if self._reported is not None and at - self._reported < REPORT_EVERY:
            return
        with self._database.write() as session:
            queue.report(
                session,
                self.name,
                self._started,
                at,
                pairs=self._pairs,
                busy_ms=round(self._busy_s * 1000),
            )
        self._reported = at
        self._pairs, self._busy_s = 0, 0.0
