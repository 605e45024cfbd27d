"""Tells the observer what happens, each change of state once."""

from __future__ import annotations

from dva_agent.errors import DvaError
from dva_agent.events import Event, Observer, Recovered, RunState, StateChanged, problem

_ENDING: tuple[RunState, ...] = ("stopping", "drained", "stopped")


class Narrator:
    def __init__(self, observer: Observer) -> None:
        self.observer = observer
        self._state: RunState | None = None
        self._paused = False
        self._retries = False

    def state(self, state: RunState) -> None:
        """The run is in `state` now. While it is paused, only its end is told at once; once it
        ends, nothing else is."""
        if state == self._state or (self._state in _ENDING and state not in _ENDING):
            return
        self._state = state
        if not self._paused or state in _ENDING:
            self.tell(StateChanged(state=state))

    def pause(self) -> None:
        """The person has paused."""
        if not self._paused and self._state not in _ENDING:
            self._paused = True
            self.tell(StateChanged(state="paused"))

    def resume(self) -> None:
        """The pause is over: tell what the run has come to meanwhile."""
        if self._paused and self._state not in _ENDING:
            self.tell(StateChanged(state=self._state or "starting"))
        self._paused = False

    def tell(self, event: Event) -> None:
        """Anything that isn't a state."""
        self.observer.event(event)

    def trouble(self, error: DvaError, *, where: str = "", retry_in_s: float | None = None) -> None:
        """An error that the agent goes on from."""
        self.tell(problem(error, where=where, retry_in_s=retry_in_s))

    def retrying(self, error: DvaError, seconds: float) -> None:
        """As `retry.Retrying`: the connection fails for now."""
        self._retries = True
        self.trouble(error, retry_in_s=seconds)

    def answered(self) -> None:
        """As `retry.Answered`: the connection works. Told if it didn't before."""
        if self._retries:
            self._retries = False
            self.tell(Recovered())
