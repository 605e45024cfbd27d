"""Runs are confirmed, forfeited and revoked, repeated and lost on the way, while projectors run,
die half-way and balances are rebuilt, in any order. Whatever happens, no credit is made or lost."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from sqlalchemy import select
from sqlalchemy.orm import Session

from server.config import Settings
from server.credit import services as credit
from server.credit.ledger import ISSUANCE, earned_by, forfeited_by, revoked_from
from server.credit.models import Balance
from server.credit.services import Amount, Earned
from server.db import Database
from server.errors import LedgerError
from server.migrations import migrate
from tests.server.conftest import KINDS
from tests.server.postgres import Cluster

AT = datetime(2026, 11, 23, tzinfo=UTC)
CONTRIBUTORS = ("anna", "ben")
RESULTS = 12
RUNS = st.sets(st.integers(1, RESULTS), min_size=1, max_size=5)


class Lost(Exception):
    """The process dies before its transaction is committed."""


def owner(result: int) -> str:
    """Whose result it is: two devices of two people, in turns."""
    return CONTRIBUTORS[result % 2]


def earned(result: int) -> Earned:
    return Earned(result_id=result, unit=result, pairs=result, amount=result * 1000)


def run_of(contributor: str, results: set[int]) -> list[Earned]:
    return [earned(result) for result in results if owner(result) == contributor]


class LedgerMachine(RuleBasedStateMachine):
    """The model: what became of each result."""

    fresh: Callable[[], str]
    """Gives the URL of an empty database; "" for one on SQLite."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory()))
        self.database = Database(type(self).fresh() or f"sqlite:///{folder / 'dva.db'}")
        self.stack.callback(self.database.close)
        self.state: dict[int, str] = {}
        migrate(self.database)

    def teardown(self) -> None:
        self.stack.close()

    @rule(results=RUNS, lost=st.booleans(), again=st.booleans(), by=st.sampled_from(CONTRIBUTORS))
    def confirm(self, results: set[int], lost: bool, again: bool, by: str) -> None:
        own = run_of(by, results)

        def give(session: Session) -> None:
            credit.confirm(session, by, own, AT)

        self._move(own, "", "confirmed", give, lost=lost, again=again)

    @rule(results=RUNS, lost=st.booleans(), again=st.booleans(), by=st.sampled_from(CONTRIBUTORS))
    def forfeit(self, results: set[int], lost: bool, again: bool, by: str) -> None:
        own = run_of(by, results)

        def refuse(session: Session) -> None:
            credit.forfeit(session, by, own, AT, reason="x")

        self._move(own, "", "forfeited", refuse, lost=lost, again=again)

    @rule(results=RUNS, lost=st.booleans(), again=st.booleans(), by=st.sampled_from(CONTRIBUTORS))
    def revoke(self, results: set[int], lost: bool, again: bool, by: str) -> None:
        own = run_of(by, results)

        def take(session: Session) -> None:
            credit.revoke(session, by, own, AT, reason="x")

        self._move(own, "confirmed", "revoked", take, lost=lost, again=again)

    @rule(limit=st.integers(1, 3), lost=st.booleans())
    def project(self, limit: int, lost: bool) -> None:
        try:
            with self.database.write() as session:
                credit.project(session, limit)
                if lost:
                    raise Lost
        except Lost:
            pass

    @rule()
    def rebuild(self) -> None:
        """Nothing but what is kept changes, and with all applied both are the same."""
        with self.database.write() as session:
            while credit.project(session):
                pass
        kept = self._kept()
        with self.database.write() as session:
            credit.rebuild(session)
        assert self._kept() == kept

    @invariant()
    def every_account_is_the_sum_of_what_happened(self) -> None:
        with self.database.read() as session:
            found = credit.balances(session)
        expected = {ISSUANCE: 0}
        for result, state in self.state.items():
            who, amount = owner(result), earned(result).amount
            account = {
                "confirmed": earned_by(who),
                "forfeited": forfeited_by(who),
                "revoked": revoked_from(who),
            }[state]
            expected[account] = expected.get(account, 0) + amount
            expected[ISSUANCE] -= amount
        credits = {account: amount.credits for account, amount in found.items() if amount.credits}
        assert credits == {account: amount for account, amount in expected.items() if amount}
        assert sum(credits.values()) == 0
        assert all(amount.credits == 1000 * amount.pairs for amount in found.values())

    def _move(
        self,
        run: list[Earned],
        before: str,
        after: str,
        call: Callable[[Session], None],
        *,
        lost: bool,
        again: bool,
    ) -> None:
        """In the model a run is taken if all of its results are in the state before. What is taken
        though they aren't is a repetition, and changes nothing."""
        results = [earned.result_id for earned in run]
        allowed = bool(run) and all(self.state.get(result, "") == before for result in results)
        try:
            with self.database.write() as session:
                call(session)
                if lost:
                    raise Lost
        except Lost:
            return
        except LedgerError:
            assert not allowed
            return
        if allowed:
            self.state.update(dict.fromkeys(results, after))
        if again:
            with self.database.write() as session:
                call(session)

    def _kept(self) -> dict[str, Amount]:
        with self.database.read() as session:
            rows = session.scalars(select(Balance)).all()
            return {row.account: Amount(credits=row.amount, pairs=row.pairs) for row in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_no_credit_is_made_or_lost(kind: str, request: pytest.FixtureRequest) -> None:
    def fresh() -> str:
        if kind == "sqlite":
            return ""
        postgres: Cluster = request.getfixturevalue("postgres")
        template: str = request.getfixturevalue("postgres_template")
        return Settings(database=postgres.url(postgres.create(template))).database_url

    machine: Any = type("Machine", (LedgerMachine,), {"fresh": staticmethod(fresh)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
