"""Epochs: what is published holds together, and what was altered is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dva_agent.protocol import encode
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from server.config import Settings
from server.credit import epochs, merkle, services, statement
from server.credit.services import Earned
from server.db import Database
from server.errors import EpochError
from server.refusals import ProofUnknown
from tests.server.command import Dva

AT = datetime(2026, 11, 23, tzinfo=UTC)
ANNA, BEN, CLEO = "a" * 32, "b" * 32, "c" * 32
LEAVES = st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=40)


def run(*results: int) -> Iterable[Earned]:
    return [Earned(result_id=n, unit=n, pairs=4, amount=n * 100) for n in results]


def no_payout(contributor: str) -> str:
    return ""


@pytest.fixture
def two_epochs(database: Database) -> None:
    with database.write() as session:
        services.confirm(session, ANNA, run(1, 2), AT)
        services.confirm(session, BEN, run(3), AT)
        services.forfeit(session, CLEO, run(4), AT, reason="scores_differ")
        epochs.close(session, AT, lambda contributor: "addr:1" if contributor == BEN else "")
    with database.write() as session:
        services.revoke(session, ANNA, run(2), AT, reason="scores_differ")
        services.confirm(session, CLEO, run(5), AT)
        epochs.close(session, AT, no_payout)


def test_the_tree_is_that_of_rfc_6962() -> None:
    """Its example in section 2.1.3: seven leaves, d0 to d6."""
    d = [bytes([number]) for number in range(7)]
    a, b, c, dd, e, f, j = [hashlib.sha256(b"\0" + each).digest() for each in d]

    def pair(left: bytes, right: bytes) -> bytes:
        return hashlib.sha256(b"\1" + left + right).digest()

    g, h, i = pair(a, b), pair(c, dd), pair(e, f)
    k, m = pair(g, h), pair(i, j)
    leaves = [merkle.leaf(each) for each in d]
    assert merkle.root(leaves) == pair(k, m)
    assert merkle.path(leaves, 0) == [b, h, m]
    assert merkle.path(leaves, 3) == [c, g, m]
    assert merkle.path(leaves, 4) == [f, j, k]
    assert merkle.path(leaves, 6) == [i, k]
    assert merkle.root([]) == hashlib.sha256(b"").digest()


@examples(max_examples=60)
@given(data=LEAVES, draw=st.data())
def test_a_path_leads_to_the_root_and_no_other_does(data: list[bytes], draw: st.DataObject) -> None:
    leaves = [merkle.leaf(each) for each in data]
    root = merkle.root(leaves)
    index = draw.draw(st.integers(0, len(leaves) - 1))
    path = merkle.path(leaves, index)
    assert merkle.root_by(leaves[index], index, len(leaves), path) == root
    assert merkle.root_by(merkle.leaf(b"another"), index, len(leaves), path) != root
    assert merkle.root_by(leaves[index], index, len(leaves), [*path, root]) != root
    assert merkle.root_by(leaves[index], len(leaves), len(leaves), path) is None
    if path:
        assert merkle.root_by(leaves[index], index, len(leaves), path[:-1]) != root


@pytest.mark.usefixtures("two_epochs")
def test_an_epoch_says_what_was_earned_in_it_and_the_balance(database: Database) -> None:
    with database.read() as session:
        assert epochs.lines_of(session, 1) == [f"1,{ANNA},300,300,", f"1,{BEN},300,300,addr:1"]
        assert epochs.lines_of(session, 2) == [
            f"2,{ANNA},-200,100,",
            f"2,{BEN},0,300,",
            f"2,{CLEO},500,500,",
        ]
        first, second = epochs.listed(session)
        balances = services.balances(session)
    assert (first.number, first.contributors, first.earned, first.balance) == (1, 2, 600, 600)
    assert (second.number, second.contributors, second.earned, second.balance) == (2, 3, 300, 900)
    assert second.balance == -balances["issuance"].credits - 200 - 400


@pytest.mark.usefixtures("two_epochs")
def test_an_epoch_in_which_nothing_happened_isnt_closed(database: Database) -> None:
    with pytest.raises(EpochError), database.write() as session:
        epochs.close(session, AT, no_payout)


@pytest.mark.usefixtures("two_epochs")
@pytest.mark.parametrize("number", [1, 2])
def test_one_byte_of_a_statement_or_proof_makes_the_difference(
    database: Database, number: int
) -> None:
    with database.read() as session:
        lines = epochs.lines_of(session, number)
        proof = epochs.proof(session, BEN, number)
    for content in (statement.csv(lines), encode(proof)):
        assert "as the root says" in statement.verify(content, proof.root)
        with pytest.raises(EpochError):
            statement.verify(content, proof.root[:-1] + ("0" if proof.root[-1] != "0" else "1"))
    content = statement.csv(lines)
    for place in range(len(content)):
        altered = bytearray(content)
        altered[place] ^= 1
        with pytest.raises(EpochError):
            statement.verify(bytes(altered), proof.root)
    # A proof's date and its copy of the root are said beside the line, not proven by it.
    line = encode(proof).index(b'"line"')
    for place in range(line, len(encode(proof))):
        altered = bytearray(encode(proof))
        altered[place] ^= 1
        with pytest.raises(EpochError):
            statement.verify(bytes(altered), proof.root)


@pytest.mark.usefixtures("two_epochs")
def test_who_isnt_in_an_epoch_gets_no_proof(database: Database) -> None:
    with database.read() as session:
        assert epochs.proof(session, CLEO, None).epoch == 2
        for number in (1, 3):
            with pytest.raises(ProofUnknown):
                epochs.proof(session, CLEO, number)


@pytest.mark.usefixtures("two_epochs")
def test_the_commands(dva: Dva, settings: Settings, database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        services.confirm(session, BEN, run(6), AT)
    output = tmp_path / "statements"
    done = dva(settings, "epoch", "close", "--output", str(output))
    root = done.out.strip()
    path = output / "epoch-3.csv"
    assert done.status == 0
    assert path.with_suffix(".root").read_text().strip() == root
    assert dva(settings, "epoch", "csv", "3").out.encode() == path.read_bytes()
    assert root in dva(settings, "epoch", "list").out
    assert "3 contributors" in dva(settings, "epoch", "verify", str(path), root).out
    path.write_bytes(path.read_bytes().replace(b",900,", b",901,"))
    refused = dva(settings, "epoch", "verify", str(path), root)
    assert (refused.status, refused.out) == (1, "")
    assert "epoch_invalid" in refused.err
    assert f"contributor:{BEN}" in dva(settings, "credit", "balances").out
    assert "scores_differ" in dva(settings, "credit", "history", ANNA).out
    assert "0 of them changed" in dva(settings, "credit", "rebuild").err
