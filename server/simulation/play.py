"""One simulated world and what comes of it: a mix of people posts a number of units, audits keep
up, and a day goes by."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from dva_agent.protocol import MAX_LEASES
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.results.services import CONFIRMED, PENDING, Result
from server.simulation.behaviours import FALSE_FROM, Turn
from server.simulation.people import KINDS
from server.simulation.truth import Truth
from server.simulation.world import Granted, Someone, World
from server.trust import drawing
from server.trust.models import Audit, Record
from server.trust.records import standing

UNIT_PAIRS = 256
AT_ONCE = 20
"""People of several kinds who take part at a time."""
TICK_S = 160.0
"""In which everybody posts all that they hold, eight units at most, before anybody looks at it."""
HOUR_S = 3600.0
IDLE_TICKS = 22
"""An hour without a unit, after which people leave: those, say, whose kind of device is set aside,
so that in the end nobody would be left who may work."""
MORE_UNITS = 1.5
"""What a pool has for each unit that is to be posted: rejected ones are given out again."""


@dataclass(kw_only=True)
class Tally:
    """Of one kind of people. Counts of results, but where another unit is named."""

    people: int = 0
    posted: int = 0
    made_up: int = 0
    """Results with made-up scores."""
    made_up_confirmed: int = 0
    pairs_confirmed: int = 0
    made_up_pairs_confirmed: int = 0
    """What earned credit without having been computed."""
    false_pairs_confirmed: int = 0
    confirmed: int = 0
    units: int = 0
    """Of which one of those is the score: all of them, but where several are given the same."""
    pending: int = 0
    """A day after the last one was posted."""
    rejected: int = 0
    caught: int = 0
    """People, those too who had left by then."""
    suspended: int = 0
    """People, in the end: less those who were restored."""
    posted_when_caught: int = 0
    """Results with made-up scores, of all who were caught."""
    pairs_past_probation: int = 0
    recomputed_past_probation: int = 0
    recomputed: int = 0
    """Pairs, as those above."""


@dataclass(kw_only=True)
class _Person:
    kind: str
    someone: Someone
    engine: int
    stays: int
    idle: int = 0
    """Ticks in a row in which there was nothing for them."""
    made_up: int = 0


@dataclass(frozen=True, kw_only=True)
class _Entry:
    kind: str
    made_up_pairs: int
    false_pairs: int
    on_probation: bool


@dataclass(kw_only=True)
class Playing:
    world: World
    shares: Mapping[str, float]
    rng: np.random.Generator
    at_once: int
    own_networks: bool = False
    """Whether everybody comes from a network that is known, and theirs alone."""
    units_at_once: int = MAX_LEASES
    present: list[_Person] = field(default_factory=list)
    left: list[_Person] = field(default_factory=list)
    everybody: list[_Person] = field(default_factory=list)
    entries: dict[int, _Entry] = field(default_factory=dict)
    tallies: dict[str, Tally] = field(default_factory=dict)

    def come(self) -> None:
        """Those who left or were caught are replaced, as far as networks may send people."""
        while len(self.present) < self.at_once:
            name = self._next()
            kind = KINDS[name]
            stays = 1 << 30
            if kind.visit is not None:
                stays = int(self.rng.geometric(1 / kind.visit))
            if kind.after_turn is not None:
                stays = kind.turn + int(self.rng.integers(1, kind.after_turn + 1))
            network = None
            if kind.networks is not None:
                network = f"network {self.rng.integers(kind.networks)}"
            elif self.own_networks:
                network = f"network of {len(self.everybody)}"
            someone = self.world.join(network, device_class=kind.device_class)
            if someone is None:
                return
            engine = int(self.rng.integers(self.world.truth.engines))
            person = _Person(
                kind=name,
                someone=someone,
                engine=engine if kind.engine is None else kind.engine,
                stays=stays,
            )
            self.tallies[name].people += 1
            self.present.append(person)
            self.everybody.append(person)

    def _next(self) -> str:
        """A kind of those, honest or hostile, of whom too few are present."""
        hostile = sum(share for name, share in self.shares.items() if KINDS[name].hostile)
        present = sum(KINDS[person.kind].hostile for person in self.present)
        wanted = present < round(hostile * self.at_once)
        names = [name for name in self.shares if KINDS[name].hostile == wanted]
        weights = np.array([self.shares[name] for name in names])
        return names[int(self.rng.choice(len(names), p=weights / weights.sum()))]

    def work(self, session: Session) -> None:
        """Everybody posts all units that there are for them."""
        records = self._records(session)
        for person in list(self.present):
            someone = person.someone
            record = records.get(someone.device)
            if record is not None and record.stopped_at is not None:
                self.count_caught(person)
                self.present.remove(person)
                continue
            on_probation = record is None or standing(record).is_on_probation
            rung = self.world.truth.rung(person.engine)
            claimed = self.world.claim(someone, rung, self.units_at_once)
            person.idle = 0 if claimed else person.idle + 1
            if person.idle >= IDLE_TICKS:
                self._leave(person)
            for granted in claimed:
                self._post(person, granted, on_probation=on_probation)
                if someone.posted >= person.stays:
                    self._leave(person)
                    break

    def _leave(self, person: _Person) -> None:
        self.present.remove(person)
        self.left.append(person)

    def _post(self, person: _Person, granted: Granted, *, on_probation: bool) -> None:
        truth, someone = self.world.truth, person.someone
        turn = Turn(truth=truth, unit=granted.unit, posted=someone.posted, engine=person.engine)
        made = KINDS[person.kind].behaviour(turn, self.rng)
        number = self.world.post(someone, granted, made, truth.rung(person.engine))
        far = np.abs(made.scores - truth.scores(granted.unit)) > FALSE_FROM
        self.entries[number] = _Entry(
            kind=person.kind,
            made_up_pairs=int(made.made_up.sum()),
            false_pairs=int((far & made.made_up).sum()),
            on_probation=on_probation,
        )
        person.made_up += bool(made.made_up.any())

    def count_caught(self, person: _Person) -> None:
        tally = self.tallies[person.kind]
        tally.caught += 1
        tally.posted_when_caught += person.made_up

    def _records(self, session: Session) -> dict[str, Record]:
        devices = [person.someone.device for person in self.present]
        found = session.scalars(select(Record).where(Record.device_id.in_(devices)))
        return {record.device_id: record for record in found}


def play(
    shares: Mapping[str, float],
    *,
    units: int,
    seed: int,
    bundle: Path,
    progress: Callable[[int], None] = lambda _: None,
) -> dict[str, Tally]:
    """`shares`: of the people who take part at a time, by kind; they add up to 1. The same seed
    gives the same people and scores; keys, and with them what is drawn for audits, are new each
    time."""
    rng = np.random.default_rng((seed, *(ord(letter) for letter in "".join(shares))))
    truth = Truth(pairs=UNIT_PAIRS, seed=seed)
    with tempfile.TemporaryDirectory(prefix="dva-simulation-") as folder:
        world = World(
            Path(folder),
            bundle=bundle,
            units=int(units * MORE_UNITS) + AT_ONCE,
            truth=truth,
            poisoned=next((KINDS[name].poisoned for name in shares), None),
        )
        try:
            playing = Playing(
                world=world,
                shares=shares,
                rng=rng,
                at_once=AT_ONCE if len(shares) > 1 else KINDS[next(iter(shares))].at_once,
                tallies={name: Tally() for name in shares},
            )
            while len(playing.entries) < units:
                with world.moment() as session:
                    world.report()
                    playing.come()
                    playing.work(session)
                    world.audit()
                world.pass_time(TICK_S)
                progress(len(playing.entries))
            for _ in range(24):
                world.pass_time(HOUR_S)
                with world.moment():
                    world.audit()
            count_results(playing)
            return playing.tallies
        finally:
            world.close()


def count_results(playing: Playing) -> None:
    """What became of every result."""
    with playing.world.database.read() as session:
        rows = session.execute(select(Result.id, Result.state, Result.copy)).all()
        states: dict[int, tuple[str, int]] = {row.id: (row.state, row.copy) for row in rows}
        stopped = set(
            session.scalars(select(Record.device_id).where(Record.stopped_at.is_not(None)))
        )
        recomputed: Counter[int] = Counter()
        for number, positions in session.execute(select(Audit.result_id, Audit.positions)):
            recomputed[number] += len(drawing.unpack(positions))
    for person in (*playing.left, *playing.present):
        if person.someone.device in stopped:
            playing.count_caught(person)
    for person in playing.everybody:
        playing.tallies[person.kind].suspended += person.someone.device in stopped
    for number, entry in playing.entries.items():
        tally = playing.tallies[entry.kind]
        state, copy = states[number]
        tally.posted += 1
        tally.made_up += entry.made_up_pairs > 0
        tally.recomputed += recomputed[number]
        if not entry.on_probation:
            tally.pairs_past_probation += UNIT_PAIRS
            tally.recomputed_past_probation += recomputed[number]
        if state == CONFIRMED:
            tally.confirmed += 1
            tally.units += copy == 0
            tally.made_up_confirmed += entry.made_up_pairs > 0
            tally.made_up_pairs_confirmed += entry.made_up_pairs
            tally.pairs_confirmed += UNIT_PAIRS
            tally.false_pairs_confirmed += entry.false_pairs
        elif state == PENDING:
            tally.pending += 1
        else:
            tally.rejected += 1
