"""What this device's self-tests came to, told to the server: without it there are no leases."""

from __future__ import annotations

from collections.abc import Sequence

from dva_agent.client import ServerClient
from dva_agent.engine import Engine
from dva_agent.errors import Refused
from dva_agent.narrator import Narrator
from dva_agent.protocol import pack_scores
from dva_agent.readiness import Browser, SelfTest


class Vouching:
    """An engine is tested before its device is known to the server; so what was found is kept, and
    told anew with each introduction."""

    def __init__(self, *, client: ServerClient, narrator: Narrator, browser: Browser) -> None:
        self._client = client
        self._narrator = narrator
        self._browser = browser
        self._latest: dict[tuple[str, str], SelfTest] = {}
        self._introduced = False

    async def tested(
        self, bundle: str, engine: Engine, scores: Sequence[float], *, sound: bool
    ) -> bool:
        """`scores`: of the golden pairs, none if it didn't come to any. `sound`: whether all else
        was right. Whether the server agrees that it passed; True while it hasn't been asked."""
        told = SelfTest(
            bundle=bundle,
            rung=engine.rung,
            device_class=engine.device_class,
            browser=self._browser,
            sound=sound,
            scores=pack_scores(scores),
        )
        self._latest[bundle, engine.rung] = told
        return not self._introduced or await self._tell(told)

    async def introduced(self) -> None:
        """The server knows this device now."""
        self._introduced = True
        for told in list(self._latest.values()):
            await self._tell(told)

    async def _tell(self, told: SelfTest) -> bool:
        try:
            return (await self._client.vouch(told)).passed
        except Refused as error:
            # What comes of it is said when work is asked for.
            self._narrator.trouble(error)
            return True
