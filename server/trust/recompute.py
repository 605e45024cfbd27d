"""Some pairs of a unit, computed once more on this machine: by the pool's own agent and weights, by
the native engine in fp32 arithmetic, from the shard's own bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dva_agent.agents.base import DataAgent, Outcome
from dva_agent.agents.base import Unit as AgentUnit
from dva_agent.bundle import Manifest
from dva_agent.engine import Engine
from dva_agent.errors import BundleError
from dva_agent.events import Seen
from dva_agent.model import Model, load_model
from dva_agent.native.engine import NativeEngine
from dva_agent.native.reader import NativeReader
from dva_agent.protocol import Lease, PairRef, Span

from server.config import Settings
from server.pools import bundles
from server.pools import services as pools
from server.pools.services import Unit
from server.pools.tolerance import Tolerance, tolerance_of


@dataclass(frozen=True, kw_only=True)
class _Loaded:
    engine: Engine
    model: Model


class Recomputer:
    """Keeps the models it has loaded. `close` it."""

    def __init__(self, settings: Settings, *, threads: int = 0) -> None:
        """`threads`: of one run; 0 lets onnxruntime choose."""
        self.settings = settings
        self._threads = threads
        self._loaded: dict[tuple[str, bool], _Loaded] = {}
        self._tolerances: dict[str, Tolerance] = {}
        self._loop = asyncio.new_event_loop()

    def recompute(self, unit: Unit, agent: DataAgent, positions: Sequence[int]) -> Outcome:
        """The outcomes of these pairs, in their order. Raises ShardUnavailable, BundleError,
        EngineError."""
        return self._loop.run_until_complete(self._recompute(unit, agent, positions))

    def tolerance(self, bundle: str) -> Tolerance:
        """Raises BundleUnauditable, BundleError."""
        if bundle not in self._tolerances:
            manifest = self._manifest(bundle)
            golden = bundles.read_golden(self.settings.bundles / bundle, manifest)
            self._tolerances[bundle] = tolerance_of(manifest, golden)
        return self._tolerances[bundle]

    def close(self) -> None:
        for loaded in self._loaded.values():
            self._loop.run_until_complete(loaded.engine.close())
        self._loop.close()

    async def _recompute(self, unit: Unit, agent: DataAgent, positions: Sequence[int]) -> Outcome:
        pool = unit.shard.pool
        refs = pools.unit_pairs(self.settings, unit)
        loaded = await self._load(pool.bundle, with_model="model" in agent.needs)
        path = pools.checked_path(unit.shard)
        lease = _lease(unit, [refs[position] for position in positions])
        blob = await loaded.engine.fetch(str(path), lease.span)
        try:
            return await agent.run(
                AgentUnit(lease=lease, blob=blob, model=loaded.model, turn=asyncio.Lock()),
                loaded.engine,
                _nobody_watches,
            )
        finally:
            loaded.engine.release(blob)

    async def _load(self, bundle: str, *, with_model: bool) -> _Loaded:
        key = (bundle, with_model)
        if key not in self._loaded:
            manifest = self._manifest(bundle)
            folder = self.settings.bundles / bundle
            engine: Engine
            if with_model:
                engine = NativeEngine(
                    manifest=manifest, folder=folder, source=_Disk(), threads=self._threads
                )
            else:
                engine = NativeReader(manifest=manifest, source=_Disk())
            model = await load_model(engine, manifest, f"{folder}/")
            self._loaded[key] = _Loaded(engine=engine, model=model)
        return self._loaded[key]

    def _manifest(self, bundle: str) -> Manifest:
        manifest = bundles.registered(self.settings.bundles, bundle)
        if manifest is None:
            raise BundleError(f"The bundle {bundle} isn't registered here.")
        return manifest


class _Disk:
    """A reader.Source: `url` is a path on this machine."""

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        del limit  # Spans come from our own index, and whole files from our own bundles.
        with Path(url).open("rb") as file:
            if span is None:
                return file.read()
            file.seek(span.start)
            return file.read(span.size)


def _lease(unit: Unit, pairs: list[PairRef]) -> Lease:
    """As a device would get it, for these pairs only: the span is no longer than they need."""
    spans = [span for pair in pairs for span in (pair.image, pair.caption) if span is not None]
    start = min((span.start for span in spans), default=unit.span_start)
    end = max((span.start + span.size for span in spans), default=unit.span_start)
    return Lease(
        lease="0" * 32,
        unit=unit.name,
        pool=unit.shard.pool.name,
        agent=unit.shard.pool.agent,
        bundle=unit.shard.pool.bundle,
        bundle_url="",
        shard_url="",
        span=Span(start=start, size=end - start),
        pairs=pairs,
        expires_in_s=0.0,
    )


async def _nobody_watches(seen: Sequence[Seen]) -> None:
    del seen
