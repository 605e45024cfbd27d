"""`dva admin`, as an operator types it."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from server.cli import cli
from tests.server.process import command

PASSWORD = "correct horse battery"

pytestmark = pytest.mark.usefixtures("cheap_passwords")


def dva(data: Path, *arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(
        cli, ["admin", *arguments, "--data", str(data)], input=io.BytesIO(stdin.encode())
    )


def test_an_account_from_its_making_to_its_end(tmp_path: Path) -> None:
    made = dva(tmp_path, "create", "alice", "--password-stdin", stdin=PASSWORD + "\n")
    assert made.exit_code == 0, made.output
    assert "alice may sign in at /admin, as maintainer." in made.stderr
    assert dva(tmp_path, "list").stdout.startswith("alice\t20")
    assert dva(tmp_path, "list").stdout.endswith("\tmaintainer\n")
    for said in ("alice is viewer.", "alice is viewer already."):
        assert said in dva(tmp_path, "role", "alice", "viewer").stderr
    assert dva(tmp_path, "list").stdout.endswith("\tviewer\n")
    changed = dva(tmp_path, "password", "alice", "--password-stdin", stdin="another password 2\n")
    assert "signed out everywhere" in changed.stderr
    assert dva(tmp_path, "remove", "alice").exit_code == 0
    assert dva(tmp_path, "list").stdout == ""
    entries = json.loads(dva(tmp_path, "log", "--json", "--account", "-").stdout)
    assert [entry["action"] for entry in entries] == [
        "account removed",
        "password changed",
        "role changed",
        "account made",
    ]
    assert {entry["account"] for entry in entries} == {None}
    assert {"before": "maintainer", "after": "viewer"}.items() <= entries[2]["detail"].items()
    [line] = dva(tmp_path, "log", "--limit", "1").stdout.splitlines()
    assert "account removed  alice" in line


@pytest.mark.parametrize(
    ("arguments", "stdin", "code"),
    [
        (("create", "alice", "--password-stdin"), "short\n", "password_refused"),
        (("create", "../x", "--password-stdin"), PASSWORD, "account_invalid"),
        (("create", "alice"), PASSWORD, "password_missing"),
        (("remove", "bob"), "", "account_unknown"),
        (("role", "bob", "viewer"), "", "account_unknown"),
        (("password", "bob", "--password-stdin"), PASSWORD, "account_unknown"),
    ],
)
def test_what_fails(tmp_path: Path, arguments: tuple[str, ...], stdin: str, code: str) -> None:
    done = dva(tmp_path, *arguments, stdin=stdin)
    assert getattr(done.exception, "code", None) == code
    assert dva(tmp_path, "list").stdout == ""


def test_a_terminal_is_asked_twice_and_shows_nothing(tmp_path: Path) -> None:
    here, there = pty.openpty()
    with subprocess.Popen(
        command("admin", "create", "alice", "--data", str(tmp_path)),
        stdin=there,
        stdout=there,
        stderr=there,
        start_new_session=True,
    ) as running:
        os.close(there)
        shown = b""
        for question in (b"Password: ", b"confirmation: "):
            while not shown.endswith(question):
                shown += os.read(here, 1024)
            os.write(here, PASSWORD.encode() + b"\n")
        while b"/admin, as" not in shown:
            shown += os.read(here, 1024)
        assert running.wait(30) == 0
    os.close(here)
    assert PASSWORD.encode() not in shown
