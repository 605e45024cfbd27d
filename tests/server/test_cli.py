"""The `dva` command as people and scripts meet it: what it prints, where, and its exit status."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from dva_agent.protocol import ROOT, ServerStatus, decode

from server import cli
from server.cli import serving
from server.config import CHECKOUT, Settings
from server.db import Database
from tests.server.api import Api
from tests.server.command import Done, Dva
from tests.server.pool_factory import FILES, uid, write_bundle, write_pool
from tests.server.process import Server, command
from tests.server.truth import write_truth

OPERATIONS = (CHECKOUT / "docs" / "operations.md").read_text()
COMMANDS = [
    "admin",
    "agent",
    "audit",
    "backup",
    "bench",
    "bundle",
    "compact",
    "compare",
    "copy-database",
    "credit",
    "demo",
    "doctor",
    "epoch",
    "fetch",
    "grade",
    "identity",
    "ingest",
    "pool",
    "reports",
    "scores",
    "select",
    "serve",
    "signatures",
    "simulate",
    "takedown",
    "tour",
    "trust",
    "verify-bundle",
    "verify-selection",
    "shards",
]


def test_each_command_shows_an_example() -> None:
    runner = CliRunner()
    listing = runner.invoke(cli.cli, ["--help"])
    assert listing.exit_code == 0
    for name in COMMANDS:
        assert name in listing.output
        answer = runner.invoke(cli.cli, [name, "--help"])
        assert answer.exit_code == 0
        assert f"Example: dva {name}" in " ".join(answer.output.split())
    assert set(cli.PLACES) == set(COMMANDS)


def test_the_document_has_a_row_for_each_command() -> None:
    rows = re.findall(r"^\| `dva .*? \|", OPERATIONS, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`dva ([a-z-]+)", row)} == set(COMMANDS)


def test_help_and_document_name_an_options_variable() -> None:
    context = click.Context(cli.cli)
    commands = [cli.cli.get_command(context, name) for name in COMMANDS]
    commands += [
        each
        for group in commands
        if isinstance(group, click.Group)
        for each in group.commands.values()
    ]
    options = [
        parameter
        for each in commands
        if each
        for parameter in each.params
        if isinstance(parameter, click.Option) and parameter.envvar
    ]
    assert {option.envvar for option in options} == {"DVA_FETCH_ENVIRONMENT", "DVA_IDENTITY"}
    for option in options:
        assert option.show_envvar
        assert f"`{option.envvar}`" in OPERATIONS


def test_from_tars_to_a_grade(
    dva: Dva, settings: Settings, database: Database, api: Api, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "bundle")
    folder = write_pool(tmp_path / "pool", [10, 6])
    truth = {uid(number): "true" if number % 2 else "generic" for number in range(16)}
    write_truth(folder / "truth.parquet", truth)
    bundle = ["--bundle", str(tmp_path / "bundle")]

    done = dva(settings, "ingest", "test", str(folder), *bundle)
    assert (done.status, done.out) == (0, ""), done.err
    assert "2 shards added (16 pairs in 5 units)" in done.err
    done = dva(settings, "ingest", "test", str(folder), *bundle)
    assert done.status == 0
    assert "0 shards added" in done.err
    assert "2 in already" in done.err

    while leases := api.lease().leases:
        api.finish(leases[0])

    done = dva(settings, "scores", "test", "--out", str(tmp_path / "out"))
    assert done.status == 0, done.err
    assert done.out.startswith("16 of 16 pairs (16 with a score) in 2 files")
    assert len(pq.read_table(tmp_path / "out")) == 16

    done = dva(settings, "grade", "test")
    assert done.status == 0, done.err
    graded = json.loads(done.out)
    assert set(graded) >= {
        "auc",
        "auc_by_kind",
        "precision_at_10",
        "precision_at_20",
        "precision_at_30",
        "pairs_scored",
        "pairs_total",
    }
    assert (graded["pairs_scored"], graded["pairs_total"]) == (16, 16)
    assert 0 <= graded["auc"] <= 1


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    """A data folder on SQLite, for what doesn't depend on the database."""
    return Settings(data=tmp_path / "data")


def failed(done: Done, code: str) -> None:
    """A line with the code; no trace, nothing on stdout."""
    assert (done.status, done.out) == (1, ""), done
    assert re.search(rf"^dva: .*\[{code}\]$", done.err, re.MULTILINE), done
    assert "Traceback" not in done.err


def test_what_fails_says_so_in_a_line(dva: Dva, plain: Settings, tmp_path: Path) -> None:
    write_bundle(tmp_path / "bundle")
    folder = write_pool(tmp_path / "pool", [3])
    bundle = ["--bundle", str(tmp_path / "bundle")]
    failed(dva(plain, "grade", "test"), "data_missing")
    failed(dva(plain, "scores", "test", "--out", str(tmp_path)), "data_missing")
    failed(dva(plain, "ingest", "Test", str(folder), *bundle), "pool_invalid")
    failed(dva(plain, "ingest", "test", str(folder), "--bundle", str(folder)), "bundle_invalid")
    assert dva(plain, "ingest", "test", str(folder), *bundle).status == 0
    failed(dva(plain, "grade", "test"), "truth_missing")
    failed(dva(plain, "grade", "other"), "pool_unknown")
    write_bundle(tmp_path / "bundle", {**FILES, "text.onnx": b"other"})
    failed(dva(plain, "ingest", "test", str(folder), *bundle), "pool_bundle_differs")
    failed(dva(plain, "serve", "--database", "mysql://x/y"), "setting_invalid")
    failed(dva(plain, "serve", "--database", "sqlite:////nowhere/dva.db"), "database_failed")
    assert dva(plain, "agent", "--server", "http://127.0.0.1:9", "--units", "x").status == 2


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://127.0.0.1", "http://", ""])
def test_an_agent_wants_an_address(dva: Dva, plain: Settings, address: str) -> None:
    done = dva(plain, "agent", "--server", address)
    assert (done.status, done.out) == (2, "")
    assert "http://127.0.0.1:8000" in done.err


def test_a_bad_shard_fails_the_command_but_not_the_others(
    dva: Dva, plain: Settings, tmp_path: Path
) -> None:
    write_bundle(tmp_path / "bundle")
    folder = write_pool(tmp_path / "pool", [3, 3])
    (folder / "00001.tar").write_bytes(b"no tar")
    done = dva(plain, "ingest", "test", str(folder), "--bundle", str(tmp_path / "bundle"))
    failed(done, "shards_refused")
    assert "00001.tar: This is no readable tar" in done.err
    assert "1 shards added" in done.err


@pytest.fixture
def server(plain: Settings) -> Iterator[Server]:
    running = Server(plain)
    yield running
    running.stop()


def test_serve_says_where_and_that_nothing_is_there_yet(plain: Settings) -> None:
    server = Server(plain)
    status = decode(httpx.get(server.url + ROOT + "/status").content, ServerStatus)
    assert status.pools == []
    assert httpx.get(server.url).status_code == 200
    code, errors = server.stop()
    assert code == 0
    assert "No pool has been ingested yet" in errors
    assert "Traceback" not in errors


def test_a_port_that_is_taken(dva: Dva, plain: Settings, server: Server) -> None:
    failed(dva(plain, "serve", "--port", str(server.port)), "address_unavailable")


def test_serve_by_several_processes(plain: Settings) -> None:
    settings = Settings(data=plain.data, workers=2)
    server = Server(settings)
    with httpx.Client(base_url=server.url) as client:
        assert {client.get("/").status_code for _ in range(20)} == {200}
    assert server.stop()[0] == 0


def test_ctrl_c_stops_it_too(plain: Settings) -> None:
    server = Server(plain)
    server.interrupt(signal.SIGINT)
    assert server.stop()[0] == 0
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_demo_without_its_parts_names_the_command(
    dva: Dva, plain: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "DEMO_POOL", CHECKOUT / "build" / "nothing")
    done = dva(plain, "demo")
    failed(done, "demo_missing")
    assert "Run: make setup" in done.err
    assert not plain.data.exists()


def test_demo_over_the_data_of_another_demo(
    dva: Dva, plain: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path / "bundle")
    folder = write_pool(tmp_path / "pool", [3])
    monkeypatch.setattr(serving, "DEMO_POOL", folder)
    monkeypatch.setattr(serving, "DEMO_BUNDLE", tmp_path / "bundle")
    monkeypatch.setattr(serving, "DEMO_APP", tmp_path)
    done = dva(plain, "ingest", "demo", str(folder), "--bundle", str(tmp_path / "bundle"))
    assert done.status == 0
    write_bundle(tmp_path / "bundle", {**FILES, "text.onnx": b"other"})
    done = dva(plain, "demo", "--port", "0")
    failed(done, "pool_bundle_differs")
    assert "another folder" in done.err


def test_the_installed_command(tmp_path: Path) -> None:
    done = subprocess.run(
        command("grade", "test", "--data", str(tmp_path / "nowhere")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "[data_missing]" in done.stderr
