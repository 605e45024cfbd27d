"""Servers and agents at work on a pool, killed with -9 at moments that a seed decides."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal

from sqlalchemy import func, select

from server.config import Settings
from server.db import Database
from server.pools.models import Unit
from server.results.models import Result
from tests.server.process import Server

AGENTS = 4
PATIENCE_S = 240.0
"""For the next results after a kill; the machine may be busy."""

Victim = Literal["agent", "worker", "server"]

_FORKS = multiprocessing.get_context("forkserver")
# What `dva agent` takes longest for is importing; the agents here are forked after that.
_FORKS.set_forkserver_preload(["dva_agent.native.agent"])


@dataclass(frozen=True, kw_only=True)
class Kill:
    """After `results` more results have been stored, and `seconds` after that: in the middle of
    what is under way then."""

    victim: Victim
    results: int
    seconds: float


def plan(seed: int, *, agents: int, workers: int, servers: int) -> list[Kill]:
    """So many kills of each kind, in an order and at moments that `seed` decides."""
    chance = random.Random(seed)
    victims: list[Victim] = ["agent"] * agents + ["worker"] * workers + ["server"] * servers
    chance.shuffle(victims)
    return [
        Kill(victim=victim, results=chance.randint(0, 4), seconds=chance.uniform(0, 0.06))
        for victim in victims
    ]


def act_as_agent(url: str, cache: str, identity: str, log: str) -> None:
    """What `dva agent` runs, in a process of its own."""
    from dva_agent.native.agent import run_native_agent

    # The file outlives nothing: kill -9 or the end of the process closes it.
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, sys.stderr.fileno())
    run_native_agent(url, cache=Path(cache), identity=Path(identity), threads=1)


class Havoc:
    """Agents and a server; who is killed is followed by another at once."""

    def __init__(
        self, settings: Settings, database: Database, folder: Path, *, seed: int, agents: int
    ) -> None:
        self._settings = settings
        self._database = database
        self._folder = folder
        self._chance = random.Random(seed)
        self._server = Server(settings)
        self._born = 0
        self._agents = [self._new_agent() for _ in range(agents)]

    def survive(self, kills: Sequence[Kill]) -> None:
        """Does all of `kills`; the pool mustn't be drained before."""
        for kill in kills:
            self._let_work(kill.results)
            time.sleep(kill.seconds)
            assert stored(self._database) < total(self._database), "drained: use more units"
            if kill.victim == "agent":
                place = self._chance.randrange(len(self._agents))
                self._agents[place].kill()
                self._agents[place].join()
                self._agents[place] = self._new_agent()
            elif kill.victim == "worker":
                self._server.kill_worker(self._chance)
            else:
                self._server.kill()
                self._server = Server(self._settings, port=self._server.port)

    def finish(self) -> None:
        """Returns when the agents have drained the pool and have ended by themselves."""
        deadline = time.monotonic() + PATIENCE_S
        for agent in self._agents:
            agent.join(max(0.0, deadline - time.monotonic()))
            assert agent.exitcode == 0, (agent.exitcode, self.said())
        status, errors = self._server.stop()
        assert status == 0, errors

    def said(self) -> str:
        """The end of what the agents told."""
        return self._log.read_text(errors="replace")[-2000:]

    def close(self) -> None:
        """Whoever is left, after a failure too."""
        for agent in self._agents:
            agent.kill()
            agent.join()
        self._server.kill()

    @property
    def _log(self) -> Path:
        return self._folder / "agents.log"

    def _new_agent(self) -> BaseProcess:
        cache = self._folder / "cache"
        self._born += 1
        # Each is another device: the leases of one that was killed don't fill the next one's share.
        identity = self._folder / f"identity-{self._born}.json"
        agent = _FORKS.Process(
            target=act_as_agent,
            args=(self._server.url, str(cache), str(identity), str(self._log)),
        )
        agent.start()
        return agent

    def _let_work(self, results: int) -> None:
        """Until so many more are stored. An agent that was sent away at an end that wasn't one is
        a failure, so none may have ended by itself."""
        target = stored(self._database) + results
        deadline = time.monotonic() + PATIENCE_S
        while stored(self._database) < target:
            assert time.monotonic() < deadline, self.said()
            assert all(agent.exitcode is None for agent in self._agents), self.said()
            time.sleep(0.005)


@contextmanager
def havoc(
    settings: Settings, database: Database, folder: Path, *, seed: int, agents: int = AGENTS
) -> Iterator[Havoc]:
    running = Havoc(settings, database, folder, seed=seed, agents=agents)
    try:
        yield running
    finally:
        running.close()


def stored(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Result)) or 0


def total(database: Database) -> int:
    with database.read() as session:
        return session.scalar(select(func.count()).select_from(Unit)) or 0
