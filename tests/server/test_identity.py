"""`dva identity`, against a real server; and the file it keeps."""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from dva_agent.errors import IdentityError, IdentityExists
from dva_agent.native.identity import IdentityFile, account_of, contributor_of, new_phrase

from server.config import Settings
from tests.server.command import Dva
from tests.server.process import Server

HERE = Settings()
WORDS = "abandon " * 11 + "about"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(Settings(data=tmp_path_factory.mktemp("data")))
    yield running
    running.stop()


def test_an_account_from_beginning_to_end(dva: Dva, server: Server, tmp_path: Path) -> None:
    one, two = (
        ("--identity", str(tmp_path / "one.json")),
        ("--identity", str(tmp_path / "two.json")),
    )
    at = ("--server", server.url)
    made = dva(HERE, "identity", "new", *one)
    phrase = dva(HERE, "identity", "show", "--phrase", *one).out
    assert len(phrase.split()) == 12
    again = dva(HERE, "identity", "recover", *two, stdin=phrase)
    assert again.out == made.out
    assert dva(HERE, "identity", "show", *one).out == made.out

    named = dva(HERE, "identity", "rename", "Ada  L.", *at, *one).out
    assert named.splitlines()[0] == f"{made.out.strip()}\tactive\tAda L."
    seen = dva(HERE, "identity", "show", *at, *two).out
    assert len(seen.splitlines()) == 3
    [lost] = re.findall(r"^([0-9a-f]{32})\tnative\tterminal\t\S+\t$", seen, re.MULTILINE)
    left = dva(HERE, "identity", "revoke", lost, *at, *two).out
    assert re.search(rf"^{lost}\t.*\trevoked$", left, re.MULTILINE)
    out = dva(HERE, "identity", "show", *at, *one)
    assert (out.status, "[device_revoked]" in out.err) == (1, True)

    assert dva(HERE, "identity", "payout", "an-address", *at, *two).status == 0
    assert dva(HERE, "identity", "payout", "no", *at, *two).status == 2
    credit = dva(HERE, "identity", "credit", *at, *two).out
    assert credit.splitlines()[1] == "confirmed\t0\t0"
    assert credit.splitlines()[-1] == "payout\tan-address"
    assert "[proof_unknown]" in dva(HERE, "identity", "proof", *at, *two).err

    assert dva(HERE, "identity", "delete", "--yes", *at, *two).status == 0
    gone = dva(HERE, "identity", "recover", "--identity", str(tmp_path / "three"), stdin=phrase)
    assert gone.status == 0
    told = dva(HERE, "identity", "show", *at, "--identity", str(tmp_path / "three"))
    assert "[account_deleted]" in told.err


def test_a_phrase_is_checked(dva: Dva, tmp_path: Path) -> None:
    path = tmp_path / "identity.json"
    for wrong in ("", WORDS.replace("about", "abandon"), WORDS + " about", "x " * 12):
        done = dva(HERE, "identity", "recover", "--identity", str(path), stdin=wrong)
        assert "[phrase_invalid]" in done.err
    assert not path.exists()
    done = dva(HERE, "identity", "show", "--identity", str(path))
    assert "[identity_missing]" in done.err


def test_an_address_is_checked(dva: Dva) -> None:
    assert "is no address" in dva(HERE, "identity", "show", "--server", "127.0.0.1").err


def test_the_phrase_of_a_document(tmp_path: Path) -> None:
    """The first test vector of BIP-39; what is made of it here is made of it by tests/server/
    stranger.py too."""
    key = account_of(f"  {WORDS.upper()} ").public_key().public_bytes_raw()
    assert contributor_of(key) == "9972364465c41102be534c76f28f036a"


def test_the_file_is_its_users_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    file = IdentityFile(tmp_path / "state" / "identity.json")
    file.create(new_phrase())
    phrase = file.phrase()
    with pytest.raises(IdentityExists):
        file.create(new_phrase())
    first = file.identity("http://a.test")
    assert file.identity("http://b.test").device_key != first.device_key
    assert file.identity("http://a.test").device_key == first.device_key
    assert file.phrase() == phrase
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert [entry.name for entry in file.path.parent.iterdir()] == ["identity.json"]


@pytest.mark.parametrize("content", ["", "{}", "\\xff", '{"phrase": "x", "devices": {"a": "b"}}'])
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "identity.json"
    path.write_text(content)
    with pytest.raises(IdentityError):
        IdentityFile(path).identity("http://a.test")
