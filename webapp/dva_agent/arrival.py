"""Coming to a server: see what it works on, get an engine that passes, sign in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from dva_agent.agents.base import DataAgent
from dva_agent.client import ServerClient
from dva_agent.ladder import Ladder
from dva_agent.protocol import Device, PoolStatus, ServerStatus
from dva_agent.readiness import Browser
from dva_agent.vouching import Vouching


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who comes. `label`: for Registration.device_class while no engine is known. `save`: told
    of the device, with each new token."""

    platform: Literal["browser", "native"]
    label: str
    save: Callable[[Device], None]
    browser: Browser = "none"


class Arrival:
    def __init__(
        self,
        *,
        client: ServerClient,
        ladder: Ladder,
        agents: Mapping[str, DataAgent],
        pool: str | None,
        visitor: Visitor,
        vouching: Vouching,
    ) -> None:
        self._client = client
        self._ladder = ladder
        self._agents = agents
        self._pool = pool
        self._visitor = visitor
        self._vouching = vouching
        self._label = visitor.label

    async def arrive(self) -> None:
        """The engine is opened and self-tested before anything is leased: a unit that is taken
        gets done. Raises as `Ladder.session` does."""
        pool = self._work(await self._client.status())
        if pool:
            url = self._client.absolute(pool.bundle_url)
            model = "model" in self._agents[pool.agent].needs
            async with self._ladder.session(pool.bundle, url, model=model) as session:
                self._label = session.engine.device_class
        await self.sign_in()

    async def sign_in(self) -> None:
        """A new device, or one that comes again: by its key it is the same."""
        await self._client.register(platform=self._visitor.platform, device_class=self._label)
        await self._vouching.introduced()

    def _work(self, status: ServerStatus) -> PoolStatus | None:
        """The first unfinished pool that one of the agents can work on."""
        for pool in status.pools:
            wanted = self._pool in (None, pool.pool) and pool.agent in self._agents
            if wanted and pool.licence_accepted and pool.units_done < pool.units:
                return pool
        return None
