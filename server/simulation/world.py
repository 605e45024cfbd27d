"""A server without its network: the real services over a real database, on a clock of its own.

What is simulated is people and time. Registration, leases, signatures, results, draws, verdicts,
settling and credit are the server's own functions; only the arithmetic of the audit is looked up,
in the table of true scores.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dva_agent import protocol, statements
from dva_agent.bundle import GoldenSet, Manifest
from dva_agent.native.identity import NativeIdentity
from dva_agent.protocol import MAX_LEASES, Idle, PairStatus, Rung, pack_scores
from dva_agent.readiness import SelfTest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from server.config import Settings
from server.contributors import registration
from server.contributors.door import Door
from server.credit import projector
from server.db import Database
from server.keys import Keys, keys_of
from server.migrations import migrate
from server.pools import bundles
from server.pools import services as pools
from server.pools.models import Pool, Shard, Unit
from server.pools.services import AUDIT, Policy
from server.pools.tolerance import tolerance_of
from server.refusals import RateLimited
from server.results import services as results
from server.results.services import Result
from server.simulation.behaviours import Posted
from server.simulation.truth import Floats, Truth
from server.trust import aside, drawing, judging, looking, queue, settling, tails, verdicts
from server.trust.gate import gate
from server.trust.models import Audit
from server.trust.replication import counting
from server.trust.settling import Court, Decided
from server.work import copies, readiness
from server.work import services as work

START = datetime(2026, 1, 1, tzinfo=UTC)
SHARD_UNITS = 100
AUDITOR = "simulated"
KEYS = keys_of("of a simulation, and known to all")
ORIGIN = "http://simulated"
OTHER_UNITS = 2_000_000
"""So far away are the bytes that an auditor reads of a poisoned shard."""
DRAWN_AT_ONCE = 1000
CLAIMED_PAIRS = 1000
COUNTED_AT_ONCE = 1000


@dataclass(kw_only=True)
class Someone:
    """A registered device and its contributor."""

    device: str
    contributor: str
    key: Ed25519PrivateKey
    network: str | None
    device_class: str
    posted: int = 0
    tested: set[Rung] = field(default_factory=set)


@dataclass(frozen=True, kw_only=True)
class Granted:
    """A unit that a device was given."""

    lease: str
    unit: int
    name: str
    row: Unit
    """Held on to, so that its session remembers it."""


@dataclass(frozen=True, kw_only=True)
class _Beginning:
    """What each world begins with: a database that has its tables, and a bundle."""

    folder: TemporaryDirectory[str]
    settings: Settings
    manifest: Manifest
    golden: GoldenSet

    def give(self, settings: Settings) -> None:
        settings.bundles.symlink_to(self.settings.bundles)
        shutil.copy(self.settings.data / "dva.db", settings.data)


@cache
def _beginning(bundle: Path) -> _Beginning:
    """Once a process, which keeps it until its end."""
    folder = TemporaryDirectory(prefix="dva-simulation-")
    settings = Settings(data=Path(folder.name))
    manifest = bundles.register(bundle, settings.bundles)
    database = Database(settings.database_url)
    migrate(database)
    database.close()
    golden = bundles.read_golden(bundle, manifest)
    return _Beginning(folder=folder, settings=settings, manifest=manifest, golden=golden)


class World:
    """One pool of `units` units. `poisoned`: on this shard, from 0, the auditor finds other scores
    than anybody who is honest. `close` it."""

    def __init__(
        self,
        folder: Path,
        *,
        bundle: Path,
        units: int,
        truth: Truth,
        poisoned: int | None = None,
        policy: Policy = AUDIT,
    ) -> None:
        self.truth = truth
        self._poisoned = poisoned
        self._policy = policy
        self._looked = START
        self.at = START
        self._settings = Settings(data=folder)
        self._keys: Keys = KEYS
        self._door = Door(keys=KEYS, origins=(ORIGIN,))
        self._court = Court(settings=self._settings, secret=self._keys.audit)
        beginning = _beginning(bundle)
        beginning.give(self._settings)
        self._manifest = beginning.manifest
        self._golden = beginning.golden
        self._tolerance = tolerance_of(self._manifest, self._golden)
        self.database = Database(self._settings.database_url)
        with self.moment():
            self._pool = self._fill(folder, units)
            if policy == AUDIT:
                self.report()

    def close(self) -> None:
        self.database.close()

    @contextmanager
    def moment(self) -> Iterator[Session]:
        """One transaction for all that happens in it: a server has one for each request, which
        takes most of a simulation's time and changes nothing of what comes out."""
        with self.database.write() as session:
            self._session = session
            yield session

    def pass_time(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def join(
        self, network: str | None = None, *, device_class: str = "simulated"
    ) -> Someone | None:
        """Somebody new; None if too many have come from that network. None as a network: one that
        isn't limited."""
        account, device = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        identity = NativeIdentity(account=account, device=device)
        challenge = registration.challenge(self._keys, self.at).challenge
        asked = protocol.Registration(
            platform="native",
            device_class=device_class,
            agent_version="1",
            account_key=identity.account_key,
            key_algorithm=identity.key_algorithm,
            device_key=identity.device_key,
            certificate=identity.certificate,
            challenge=challenge,
            proof=device.sign(statements.of_session(challenge, ORIGIN, identity.device_key)),
        )
        # Who isn't limited is never refused.
        attempt = nullcontext() if network is None else self._session.begin_nested()
        try:
            with attempt:
                made = registration.register(
                    self._session, self._settings, self._door, asked, network, self.at
                )
        except RateLimited:
            return None
        return Someone(
            device=made.device,
            contributor=made.contributor,
            key=device,
            network=network,
            device_class=device_class,
        )

    def claim(self, who: Someone, rung: Rung, count: int = MAX_LEASES) -> list[Granted]:
        """As many units as this device may have at a time, or `count`, or none if there is none for
        it now. It has shown before that it computes rightly on this rung."""
        if rung not in who.tested:
            self._prove(who, rung)
        claimed, idle = self._ask(who, count)
        if idle is not None and idle.reason == "selftest_due":
            self._prove(who, rung)
            claimed, _ = self._ask(who, count)
        return [
            Granted(lease=lease.id, unit=unit.id, name=unit.name, row=unit)
            for lease, unit in claimed
        ]

    def _ask(self, who: Someone, count: int) -> tuple[work.Claimed, Idle | None]:
        return work.claim(
            self._session,
            self._settings,
            device=who.device,
            pool_ids=[self._pool],
            count=count,
            at=self.at,
            network=who.network,
            gate=gate,
        )

    def _prove(self, who: Someone, rung: Rung) -> None:
        """Everybody passes: the golden scores are in the bundle for all to read."""
        arithmetic = self._manifest.rung(rung).arithmetic
        told = SelfTest(
            bundle=self._manifest.bundle,
            rung=rung,
            device_class=who.device_class,
            browser="none",
            sound=True,
            scores=pack_scores([pair.expected[arithmetic].score for pair in self._golden.pairs]),
        )
        readiness.prove(self._session, self._settings, who.device, told, self.at)
        who.tested.add(rung)

    def post(self, who: Someone, granted: Granted, made: Posted, rung: Rung) -> int:
        """The result's number."""
        statuses, packed = made.statuses, pack_scores(made.scores.tolist())
        signed = statements.of_result(
            lease=granted.lease,
            unit=granted.name,
            bundle=self._manifest.bundle,
            rung=rung,
            statuses=statuses,
            scores=packed,
        )
        message = protocol.Result(
            lease=granted.lease,
            bundle=self._manifest.bundle,
            rung=rung,
            device_class=who.device_class,
            statuses=statuses,
            scores=packed,
            signature=who.key.sign(signed),
        )
        lease = work.own(self._session, who.device, granted.lease, self.at)
        stored = results.accept(self._session, lease, message, self.at)
        who.posted += 1
        return stored.id

    def compare(self) -> None:
        """Counts the results of units that have got one."""
        while due := copies.due(self._session, COUNTED_AT_ONCE):
            for unit in due:
                counting.count(self._session, self._court, unit, self.at)
        projector.project(self._session)

    def is_drained(self) -> bool:
        """Whether every unit is done, and decided about."""
        counts = pools.count_units(self._session, [self._pool])
        return counts.total == counts.done and copies.is_idle(self._session, self._pool)

    def audit(self) -> int:
        """Draws, recomputes and settles all that can be by now; gives the pairs recomputed."""
        self.report()
        pairs = 0
        self._look()
        while True:
            drawn = drawing.throw_coins(self._session, self._court.secret, DRAWN_AT_ONCE, self.at)
            settled = 0
            while claimed := queue.claim(self._session, AUDITOR, self.at, pairs=CLAIMED_PAIRS):
                pairs += self._settle(claimed)
                settled += len(claimed)
            tail = tails.draw_due(self._session, self._court, self.at)
            taken = aside.take_out(self._session, self._court, self.at)
            if not (drawn or settled or tail or taken):
                break
        projector.project(self._session)
        return pairs

    def _look(self) -> None:
        """As often as an auditor does."""
        if self.at - self._looked < looking.EVERY:
            return
        self._looked = self.at
        if looking.is_worth_it(self._session):
            looking.act_on(self._session, looking.findings(self._session), self.at)

    def report(self) -> None:
        """The auditor lives, and says so."""
        queue.report(self._session, AUDITOR, START, self.at, pairs=0, busy_ms=0)

    def _settle(self, claimed: Sequence[Audit]) -> int:
        """Gives the pairs looked at."""
        pairs = 0
        decided: dict[str, list[Decided]] = {}
        found = results.get_all(self._session, {audit.result_id for audit in claimed}, scores=True)
        before = settling.earlier(self._session, claimed)
        for audit in claimed:
            result = found[audit.result_id]
            pairs += len(verdicts.compared(result.statuses, drawing.unpack(audit.positions)))
            decided.setdefault(audit.device_id, []).append(
                self._decide(audit, result, before[audit.id])
            )
        for of_device in decided.values():
            settling.settle_all(self._session, self._court, of_device, self.at)
        return pairs

    def _decide(self, audit: Audit, result: Result, before: Sequence[Audit]) -> Decided:
        places = sorted(
            {place for each in (*before, audit) for place in drawing.unpack(each.positions)}
        )
        whole = self._recomputed(result.unit_id)
        truth = whole[places].astype(np.float64)[:, None]
        posted = np.frombuffer(result.scores, "<f4")[places].astype(np.float64)[:, None]
        claimed = [result.statuses[place] for place in places]
        scored = [PairStatus.SCORED] * len(places)
        verdict = judging.judge(posted, claimed, truth, scored, self._tolerance)
        own = drawing.unpack(audit.positions)
        found = whole[list(own)].astype("<f4").tobytes()
        return Decided(audit=audit.id, verdict=verdict, recomputed=(found, bytes(len(own))))

    def _recomputed(self, unit: int) -> Floats:
        if (unit - 1) // SHARD_UNITS == self._poisoned:
            return self.truth.scores(unit + OTHER_UNITS)
        return self.truth.scores(unit)

    def _fill(self, folder: Path, units: int) -> int:
        """A pool without a picture in it: nobody looks at any."""
        file = folder / "shard.tar"
        file.write_bytes(bytes(1))
        kept = file.stat()
        pool = Pool(
            name="simulated",
            agent="dva",
            bundle=self._manifest.bundle,
            title="",
            licence="",
            attribution="",
            safe=True,
            policy=self._policy,
            created_at=self.at,
        )
        self._session.add(pool)
        for number in range(-(-units // SHARD_UNITS)):
            count = min(SHARD_UNITS, units - number * SHARD_UNITS)
            shard = Shard(
                pool=pool,
                name=f"{number:05}",
                path=str(file),
                size=kept.st_size,
                mtime_ns=kept.st_mtime_ns,
                sha256="0" * 64,
                pairs=count * self.truth.pairs,
                units=count,
            )
            self._session.add(shard)
            self._session.flush()
            self._session.execute(
                insert(Unit),
                [
                    {
                        "pool_id": pool.id,
                        "shard_id": shard.id,
                        "number": each,
                        "first_pair": each * self.truth.pairs,
                        "pairs": self.truth.pairs,
                        "span_start": 0,
                        "span_size": 1,
                    }
                    for each in range(count)
                ],
            )
        return pool.id
