"""Tells the observer what happens, each change of state once."""

from __future__ import annotations

from dva_agent.errors import DvaError
from dva_agent.events import Event, Observer, RunState, StateChanged, problem


class Narrator:
    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._state: RunState | None = None

    def state(self, state: RunState) -> None:
        """The run is in `state` now."""
        if state != self._state:
            self._state = state
            self.tell(StateChanged(state=state))

    def tell(self, event: Event) -> None:
        """Anything that isn't a state."""
        self.observer.event(event)

    def trouble(self, error: DvaError, *, where: str = "", retry_in_s: float | None = None) -> None:
        """An error that the agent goes on from."""
        self.tell(problem(error, where=where, retry_in_s=retry_in_s))

    def retrying(self, error: DvaError, seconds: float) -> None:
        """As `retry.Retrying`: the connection fails for now."""
        self.trouble(error, retry_in_s=seconds)
