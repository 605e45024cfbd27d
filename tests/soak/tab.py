"""A contributor's tab in a real Chromium, at work until told to stop."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import sync_playwright

from tests.conftest import CHROMIUM_FLAGS, executable, sandbox_flags
from tests.soak.devtools import DevTools, chromium

STARTS_WITHIN_S = 300.0
STOPS_WITHIN_S = 60.0
AGENT = "/engine/worker.js"
PIXELS = "/engine/pixels-worker.js"
"""How the addresses of the agent's two Workers end."""

_LOOK_EVERY_S = 0.2
_PHASE = "(document.querySelector('dva-controls .phase')?.dataset.phase ?? '')"
_START = "document.querySelector('dva-controls .button.primary')"
_STOP = "document.querySelector('dva-controls .button:last-child')"
_AGREE = "document.querySelector('dva-consent dialog[open] button[value=agree]')"
_CAN_BE_PRESSED = "({0})?.checkVisibility() === true && !({0}).disabled"


class TabError(Exception):
    """The page doesn't come to what is waited for."""


@dataclass(kw_only=True)
class Tab:
    devtools: DevTools
    session: str
    troubles: list[str] = field(default_factory=list)
    workers: dict[str, str] = field(default_factory=dict)
    """The sessions of its Workers, with their addresses."""
    _targets: dict[str, str] = field(default_factory=dict)
    """The same sessions, by target."""

    def start(self, address: str) -> None:
        """Returns when the first pairs are scored, and both Workers are known: what isn't known
        isn't measured."""
        self.devtools.send("Page.navigate", self.session, url=address)
        self._press(_START)
        self._until(f"({_CAN_BE_PRESSED.format(_AGREE)}) || !['', 'idle'].includes({_PHASE})")
        if self._told(_CAN_BE_PRESSED.format(_AGREE)):
            self._press(_AGREE)
        self._until(f"{_PHASE} === 'running'")
        deadline = time.monotonic() + STARTS_WITHIN_S
        while not all(self._knows(kind) for kind in (AGENT, PIXELS)):
            self.listen()
            if time.monotonic() > deadline:
                raise TabError(f"Chromium told of no more Workers: {list(self.workers.values())}")
            time.sleep(_LOOK_EVERY_S)

    @property
    def phase(self) -> str:
        return str(self._told(_PHASE))

    def stop(self) -> None:
        """What is held is given back."""
        self._press(_STOP, seconds=STOPS_WITHIN_S)
        self._until(f"{_PHASE} === 'stopped'", seconds=STOPS_WITHIN_S)

    def listen(self) -> None:
        """Brings `troubles` and `workers` up to what has been told meanwhile."""
        for event in self.devtools.events():
            told = event.get("params", {})
            match event.get("method"):
                case "Target.attachedToTarget":
                    self._see(told["sessionId"], told["targetInfo"])
                case "Target.targetInfoChanged":
                    # A Worker's address may come after it.
                    if session := self._targets.get(told["targetInfo"]["targetId"]):
                        self._see(session, told["targetInfo"])
                case "Target.detachedFromTarget":
                    self.workers.pop(told["sessionId"], None)
                case _ if trouble := _trouble(event):
                    self.troubles.append(trouble)

    def _knows(self, worker: str) -> bool:
        return any(address.endswith(worker) for address in self.workers.values())

    def _see(self, session: str, target: dict[str, Any]) -> None:
        self._targets[target["targetId"]] = session
        if target["type"] == "worker" and target["url"].endswith(AGENT):
            # Its own Workers, which it makes only when it has a model.
            watch_workers(self.devtools, session)
        self.workers[session] = target["url"]

    def _press(self, button: str, *, seconds: float = STARTS_WITHIN_S) -> None:
        self._until(_CAN_BE_PRESSED.format(button), seconds=seconds)
        self._told(f"{button}.click()")

    def _told(self, expression: str) -> Any:
        return self.devtools.evaluate(self.session, expression)

    def _until(self, expression: str, *, seconds: float = STARTS_WITHIN_S) -> None:
        deadline = time.monotonic() + seconds
        while not self._told(expression):
            self.listen()
            if time.monotonic() > deadline:
                raise TabError(f"after {seconds:g} s not yet: {expression}")
            time.sleep(_LOOK_EVERY_S)


def _trouble(event: dict[str, Any]) -> str:
    """What an event of the protocol says went wrong; empty if it says nothing of the kind."""
    told = event.get("params", {})
    match event.get("method"):
        case "Runtime.exceptionThrown":
            details = told["exceptionDetails"]
            return f"error: {details.get('exception', {}).get('description', details['text'])}"
        case "Log.entryAdded" if told["entry"]["level"] == "error":
            return f"error: {told['entry']['text']} {told['entry'].get('url', '')}"
        case "Runtime.consoleAPICalled" if told["type"] in ("error", "assert"):
            return f"error: {[said.get('value') for said in told['args']]}"
        case "Inspector.targetCrashed":
            return "the page crashed"
        case _:
            return ""


def watch_workers(devtools: DevTools, session: str) -> None:
    """Attach to each Worker that a page or Worker makes from now on."""
    devtools.send(
        "Target.setAutoAttach",
        session,
        autoAttach=True,
        waitForDebuggerOnStart=False,
        flatten=True,
    )


@contextmanager
def open_tab() -> Iterator[Tab]:
    flags = [*CHROMIUM_FLAGS, *sandbox_flags(), "--window-size=1280,900"]
    with chromium(executable() or _of_playwright(), flags) as devtools:
        (page,) = (
            target
            for target in devtools.send("Target.getTargets")["targetInfos"]
            if target["type"] == "page"
        )
        session = devtools.attach(page["targetId"])
        for domain in ("Inspector", "Log", "Page", "Runtime"):
            devtools.send(f"{domain}.enable", session)
        watch_workers(devtools, session)
        yield Tab(devtools=devtools, session=session)


def _of_playwright() -> str:
    with sync_playwright() as playwright:
        return playwright.chromium.executable_path
