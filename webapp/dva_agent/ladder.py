"""The ladder of rungs: opens the best engine that passes the bundle's self-test, and replaces it.

One engine at a time: a model fills a GPU. Units of one bundle share its session; a unit of another
bundle, or of an agent that needs the bundle without its model, waits until they are through.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from dva_agent.backoff import Backoff
from dva_agent.bundle import Manifest
from dva_agent.clock import Clock
from dva_agent.engine import Engine
from dva_agent.errors import (
    BundleError,
    DeviceLost,
    EngineError,
    RungUnavailable,
    SelfTestFailed,
)
from dva_agent.events import RungTried, SelfTested
from dva_agent.gate import Gate
from dva_agent.model import Model, load_model
from dva_agent.narrator import Narrator
from dva_agent.protocol import Rung
from dva_agent.retry import again
from dva_agent.selftest import Golden, fetch_golden, self_test
from dva_agent.vouching import Vouching

OpenEngine = Callable[[Rung, Manifest, str], Awaitable[Engine]]
"""Open one rung for a bundle whose files are below the URL. Raises RungUnavailable. Opening
WITHOUT_MODEL downloads nothing."""

FetchManifest = Callable[[str], Awaitable[Manifest]]

T = TypeVar("T")

WITHOUT_MODEL: Rung = "python"
"""For agents that need no model: it has no arithmetic, so there is nothing to test."""

OUT_OF_MEMORY = "out_of_memory"
"""A rung's error that says more than that no rung is left."""

PAIRS_BETWEEN_TESTS = 4096
MAX_LOSSES = 3
"""Of the device, on one rung; then the next rung is tried."""

MAX_FAULTS = 3
"""Units refused for their numbers although the self-test passes; then the next rung is tried."""


@dataclass(kw_only=True, eq=False)
class Session:
    """An engine that passed the self-test, with its model. `golden`: None if it has no arithmetic
    to test. `turn`: held while it encodes. `condemned`: what it computes counts no longer."""

    engine: Engine
    model: Model
    golden: Golden | None
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    condemned: bool = False
    faults: int = 0
    pairs_since_test: int = 0

    def fits(self, bundle: str, model: bool) -> bool:
        """Whether units of `bundle` may use it; `model`: with the model's arithmetic."""
        same = self.model.manifest.bundle == bundle and model == (self.golden is not None)
        return same and not self.condemned


class Ladder:
    def __init__(
        self,
        *,
        rungs: Sequence[Rung],
        open_engine: OpenEngine,
        fetch_manifest: FetchManifest,
        narrator: Narrator,
        clock: Clock,
        gate: Gate,
        vouching: Vouching,
    ) -> None:
        """`rungs`: best first; those that a bundle lacks are passed over. `gate`: passed before an
        engine is opened, and before a self-test."""
        self._rungs = list(rungs)
        self._open_engine = open_engine
        self._fetch_manifest = fetch_manifest
        self._narrator = narrator
        self._clock = clock
        self._gate = gate
        self._vouching = vouching
        self._failed: set[tuple[str, Rung]] = set()
        self._losses: Counter[tuple[str, Rung]] = Counter()
        self._session: Session | None = None
        self._users = 0
        self._free = asyncio.Event()
        self._door = asyncio.Lock()

    @asynccontextmanager
    async def session(self, bundle: str, url: str, *, model: bool) -> AsyncIterator[Session]:
        """The session of a bundle, opened if need be; `model`: with its arithmetic. Raises
        EngineError if no rung is left, BundleError, or Refused if the server hasn't its files."""
        async with self._door:
            session = await self._ready(bundle, url, model)
            self._users += 1
        try:
            yield session
        finally:
            self._users -= 1
            if not self._users:
                self._free.set()

    async def prove(self, bundle: str, url: str) -> None:
        """Runs a bundle's self-test anew, on as many rungs as it takes until one passes. Raises as
        `session` does."""
        while True:
            before = self._session
            async with self.session(bundle, url, model=True) as session:
                if session is before:  # else it was tested as it was opened
                    await self._retest(session)
                if not session.condemned:
                    return

    async def scored(self, session: Session, pairs: int) -> None:
        """A unit came out well. Now and then this runs the self-test again; see
        `Session.condemned` afterwards."""
        session.faults = 0
        session.pairs_since_test += pairs
        if session.pairs_since_test >= PAIRS_BETWEEN_TESTS:
            await self._retest(session)

    async def doubt(self, session: Session, error: EngineError) -> None:
        """A unit's numbers were impossible, or the device is gone. See `Session.condemned`."""
        if session.condemned:
            return
        self._narrator.trouble(error, where=session.engine.rung)
        if session.golden is None:
            return  # it is the agent's fault or the unit's; no other rung would do better
        session.faults += 1
        if isinstance(error, DeviceLost) or session.faults >= MAX_FAULTS:
            self._condemn(session, error)
        else:
            await self._retest(session)

    async def close(self) -> None:
        """Give the engine back. No unit may be under way."""
        if self._session:
            session, self._session = self._session, None
            if session.golden:
                session.engine.release(session.golden.blob)
            await session.engine.close()

    async def _ready(self, bundle: str, url: str, model: bool) -> Session:
        session = self._session
        if session and session.fits(bundle, model):
            return session
        while self._users:
            self._free.clear()
            await self._free.wait()
        await self.close()
        manifest = await self._fetch_manifest(url)
        if manifest.bundle != bundle:
            raise BundleError(f"The files at {url} are of bundle {manifest.bundle}, not {bundle}.")
        has = [rung for rung in self._rungs if rung in manifest.rungs]
        rungs = has if model else [WITHOUT_MODEL]
        self._session = await self._climb(rungs, manifest, url)
        return self._session

    async def _climb(self, rungs: Sequence[Rung], manifest: Manifest, url: str) -> Session:
        last: EngineError | None = None
        for rung in rungs:
            while (manifest.bundle, rung) not in self._failed:
                try:
                    return await self._open(rung, manifest, url)
                except EngineError as error:
                    self._note(manifest, rung, error)
                    last = error
        if last and last.code == OUT_OF_MEMORY:
            raise last
        raise RungUnavailable(
            "Nothing on this device computes this model rightly.",
            code="no_rung_left",
            next_step="Update the graphics driver and the browser, or use another device.",
        )

    def _note(self, manifest: Manifest, rung: Rung, error: EngineError) -> None:
        """A rung failed: it isn't tried again, but for a device that may have come back."""
        key = (manifest.bundle, rung)
        if isinstance(error, DeviceLost):
            self._losses[key] += 1
        if not isinstance(error, DeviceLost) or self._losses[key] >= MAX_LOSSES:
            self._failed.add(key)
        self._narrator.tell(
            RungTried(
                bundle=manifest.bundle,
                rung=rung,
                chosen=False,
                code=error.code,
                message=str(error),
                next_step=error.next_step,
            )
        )

    async def _open(self, rung: Rung, manifest: Manifest, url: str) -> Session:
        async def opened() -> Engine:
            await self._gate.passed()
            return await self._open_engine(rung, manifest, url)

        engine = await self._again(opened)
        try:
            model = await self._again(lambda: load_model(engine, manifest, url))
            golden = None
            if rung != WITHOUT_MODEL:
                golden = await self._again(lambda: fetch_golden(engine, model))
            session = Session(engine=engine, model=model, golden=golden)
            await self._test(session)
        except BaseException:
            await engine.close()
            raise
        self._narrator.tell(
            RungTried(
                bundle=manifest.bundle, rung=rung, chosen=True, device_class=engine.device_class
            )
        )
        return session

    async def _again(self, call: Callable[[], Awaitable[T]]) -> T:
        return await again(
            call,
            clock=self._clock,
            backoff=Backoff(),
            retrying=self._narrator.retrying,
            answered=self._narrator.answered,
        )

    async def _retest(self, session: Session) -> None:
        async with session.turn:
            if session.condemned:
                return
            try:
                await self._test(session)
            except EngineError as error:
                self._condemn(session, error)

    async def _test(self, session: Session) -> None:
        session.pairs_since_test = 0
        golden = session.golden
        if golden is None:
            return
        await self._gate.passed()
        self._narrator.state("testing")
        bundle, engine = session.model.manifest.bundle, session.engine
        try:
            report = await self._again(lambda: self_test(engine, session.model, golden))
        except SelfTestFailed as error:
            await self._vouching.tested(bundle, engine, error.scores, sound=False)
            raise
        if not await self._vouching.tested(bundle, engine, report.scores, sound=True):
            raise SelfTestFailed("The server doesn't find these golden scores right.")
        tolerance = session.model.manifest.rung(session.engine.rung).tolerance
        self._narrator.tell(
            SelfTested(
                bundle=bundle,
                rung=engine.rung,
                device_class=engine.device_class,
                pairs=report.pairs,
                score_difference=report.score_difference,
                embedding_difference=report.embedding_difference,
                score_tolerance=tolerance.score,
                embedding_tolerance=tolerance.embedding,
                seconds=report.seconds,
            )
        )

    def _condemn(self, session: Session, error: EngineError) -> None:
        if session.condemned:
            return
        session.condemned = True
        self._note(session.model.manifest, session.engine.rung, error)
