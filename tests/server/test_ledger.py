"""The ledger refuses what would make or lose credit, and the database what would rewrite it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from server.credit import services as credit
from server.credit.ledger import ISSUANCE
from server.credit.run import ordered, pack, unpack
from server.credit.services import Amount, Earned
from server.db import Database
from server.errors import LedgerError
from server.migrations import configuration, migrate

AT = datetime(2026, 11, 23, tzinfo=UTC)
ANNA, BEN = "a" * 32, "b" * 32


def earned(result: int, pairs: int = 4, amount: int = 400) -> Earned:
    return Earned(result_id=result, unit=result + 100, pairs=pairs, amount=amount)


def run(*results: int) -> list[Earned]:
    return [earned(result) for result in results]


RUNS = st.lists(
    st.builds(
        Earned,
        result_id=st.integers(1, 2**40),
        unit=st.integers(1, 2**40),
        pairs=st.integers(0, 2**20),
        amount=st.integers(0, 2**40),
    ),
    min_size=1,
    unique_by=lambda item: item.result_id,
)


@given(RUNS)
def test_a_run_comes_out_of_its_bytes_as_it_went_in(results: list[Earned]) -> None:
    assert unpack(pack(ordered(results))) == sorted(results, key=lambda item: item.result_id)


def test_a_run_takes_few_bytes_a_unit() -> None:
    packed = pack([earned(1000 + 3 * number, pairs=256) for number in range(1000)])
    assert len(packed) < 200


def test_a_pairs_credit_is_its_floating_point_operations_in_millions() -> None:
    assert credit.credits(256, 0.0164) == 256 * 16
    assert credit.credits(3, 13.781) == 3 * 13781


def test_confirming_forfeiting_and_revoking_move_credit(database: Database) -> None:
    with database.write() as session:
        credit.confirm(session, ANNA, run(1, 2, 3), AT)
        credit.forfeit(session, ANNA, run(4), AT, reason="scores_differ")
        credit.revoke(session, ANNA, run(2), AT, reason="scores_differ")
        credit.confirm(session, BEN, run(5), AT)
    with database.read() as session:
        of_anna = credit.settled_of(session, ANNA)
        nobody = credit.settled_of(session, "c" * 32)
        everything = credit.balances(session)
    assert of_anna.confirmed == Amount(credits=800, pairs=8)
    assert of_anna.forfeited == Amount(credits=400, pairs=4)
    assert of_anna.revoked == Amount(credits=400, pairs=4)
    assert nobody.confirmed == Amount()
    assert everything[ISSUANCE] == Amount(credits=-2000, pairs=-20)
    assert sum(amount.credits for amount in everything.values()) == 0


def test_a_repetition_changes_nothing(database: Database) -> None:
    with database.write() as session:
        first = credit.confirm(session, ANNA, run(1, 2), AT)
    with database.write() as session:
        assert credit.confirm(session, ANNA, run(2, 1), AT) == first
    with database.read() as session:
        assert credit.settled_of(session, ANNA).confirmed.credits == 800


REFUSED: dict[str, Callable[[Session], object]] = {
    "nothing": lambda session: credit.confirm(session, ANNA, [], AT),
    "a result twice": lambda session: credit.confirm(session, ANNA, run(7, 7), AT),
    "less than nothing": lambda session: credit.confirm(session, ANNA, [earned(7, -1)], AT),
    "paid again in a longer run": lambda session: credit.confirm(session, ANNA, run(1, 7), AT),
    "paid again in a shorter run": lambda session: credit.confirm(session, ANNA, run(2), AT),
    "the same run with more": lambda session: credit.confirm(
        session, ANNA, [earned(1), earned(3, 4, 500)], AT
    ),
    "the same run for another": lambda session: credit.confirm(session, BEN, run(1, 2, 3), AT),
    "paid after it was forfeited": lambda session: credit.confirm(session, ANNA, run(4), AT),
    "forfeited after it was paid": lambda session: credit.forfeit(
        session, ANNA, run(3), AT, reason="x"
    ),
    "taken back, but never given": lambda session: credit.revoke(
        session, ANNA, run(7), AT, reason="x"
    ),
    "taken back, but forfeited": lambda session: credit.revoke(
        session, ANNA, run(4), AT, reason="x"
    ),
    "taken back from another": lambda session: credit.revoke(session, BEN, run(1), AT, reason="x"),
    "more taken back than given": lambda session: credit.revoke(
        session, ANNA, [earned(1, 4, 401)], AT, reason="x"
    ),
    "taken back again": lambda session: credit.revoke(session, ANNA, run(2, 3), AT, reason="x"),
}


@pytest.mark.parametrize("wrong", REFUSED)
def test_what_would_make_or_lose_credit_is_refused(database: Database, wrong: str) -> None:
    with database.write() as session:
        credit.confirm(session, ANNA, run(1, 2, 3), AT)
        credit.forfeit(session, ANNA, run(4), AT, reason="scores_differ")
        credit.revoke(session, ANNA, run(2), AT, reason="scores_differ")
    with database.read() as session:
        before = credit.balances(session)
    with pytest.raises(LedgerError), database.write() as session:
        REFUSED[wrong](session)
    with database.read() as session:
        assert credit.balances(session) == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE credit_posting SET amount = amount + 1",
        "DELETE FROM credit_posting",
        "UPDATE credit_transfer SET contributor = 'me'",
        "DELETE FROM credit_transfer",
        "UPDATE credit_transfer SET applied = false",
    ],
)
def test_the_database_itself_keeps_the_ledger_as_written(
    database: Database, statement: str
) -> None:
    with database.write() as session:
        credit.confirm(session, ANNA, run(1), AT)
        credit.project(session)
    with pytest.raises(DBAPIError, match="only ever added to"), database.write() as session:
        session.execute(text(statement))


def test_balances_that_were_spoilt_are_rebuilt(database: Database) -> None:
    with database.write() as session:
        credit.confirm(session, ANNA, run(1, 2), AT)
        credit.forfeit(session, BEN, run(3), AT, reason="scores_differ")
    with database.write() as session:
        assert credit.project(session, limit=1) == 1
        assert credit.project(session) == 1
        assert credit.project(session) == 0
    with database.read() as session:
        right = credit.balances(session)
    with database.write() as session:
        session.execute(text("UPDATE credit_balance SET amount = 1000000"))
    with database.write() as session:
        assert credit.rebuild(session) == 3
    with database.read() as session:
        assert credit.balances(session) == right


def test_a_ledger_with_a_forged_posting_isnt_added_up(database: Database) -> None:
    with database.write() as session:
        number = credit.confirm(session, ANNA, run(1), AT)
        session.execute(
            text("INSERT INTO credit_posting VALUES (:number, 'contributor:me', 10, 1)"),
            {"number": number},
        )
    with pytest.raises(LedgerError) as refused, database.write() as session:
        credit.rebuild(session)
    assert refused.value.code == "ledger_damaged"


def test_two_who_confirm_at_once_confirm_once(database: Database) -> None:
    """One takes results 1 to 3, the other 2 to 4, as no auditor should."""
    start = threading.Barrier(2)

    def take(*results: int) -> bool:
        start.wait()
        try:
            with database.write() as session:
                credit.confirm(session, ANNA, run(*results), AT)
        except LedgerError:
            return False
        return True

    with ThreadPoolExecutor(2) as threads:
        done = [threads.submit(take, 1, 2, 3), threads.submit(take, 2, 3, 4)]
        assert sorted(each.result() for each in done) == [False, True]
    with database.read() as session:
        assert credit.settled_of(session, ANNA).confirmed.credits == 1200


def test_the_step_can_be_undone_and_done_again(database: Database) -> None:
    with database.write() as session:
        credit.confirm(session, ANNA, run(1), AT)
    with database.write() as session:
        command.downgrade(configuration(session.connection()), "0007")
    migrate(database)
    with database.read() as session:
        assert credit.balances(session) == {}
