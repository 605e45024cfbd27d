"""A model is handed out once its licence has been accepted here, and not before."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from pathlib import Path

import pytest
from dva_agent.bundle import Licence, Manifest
from dva_agent.errors import BundleError
from dva_agent.protocol import ROOT, Accepted, Idle

from server.cli.serving import announce
from server.config import Settings
from server.db import Database, now
from server.doctor import data
from server.pools import licences
from server.pools.bundles import register
from server.pools.ingest import ingest
from tests.server.api import Api, problem, result_for
from tests.server.command import Done, Dva
from tests.server.conftest import SHARDS, UNITS
from tests.server.pool_factory import FILES, write_bundle, write_pool
from tests.server.process import command, environment

URL = "https://example.org/licence"
LICENCE = Licence(
    name="Example-1.0", url=URL, attribution="Example", path="LICENSE.txt", accepted=True
)
REAL = {**FILES, "image.onnx": b"another tower", "LICENSE.txt": b"Be kind.\x1b[2J\n"}


def write_real(folder: Path) -> Manifest:
    return write_bundle(folder, REAL, demo=False, model="ViT-B-32:dfn", licence=LICENCE)


def refused(idle: Idle | None) -> bool:
    return idle == Idle(reason="licence_unaccepted", retry_after_s=60)


@pytest.fixture
def real(database: Database, settings: Settings, tmp_path: Path) -> Manifest:
    """The bundle of an ingested pool called `real`, whose licence nobody has accepted."""
    manifest = write_real(tmp_path / "real")
    ingest(
        database,
        settings,
        pool="real",
        paths=[write_pool(tmp_path / "shards", SHARDS)],
        bundle=tmp_path / "real",
        progress=lambda done, total: None,
    )
    return manifest


@pytest.mark.parametrize(
    ("changes", "asks"),
    [
        ({"demo": True, "model": "demo"}, False),
        ({"demo": False, "model": "random:ViT-B-32"}, False),
        ({"demo": False, "model": "local-dir:mine"}, True),
        ({"demo": False, "model": "hf-hub:x/random:", "licence": LICENCE}, True),
    ],
)
def test_who_has_to_be_asked(tmp_path: Path, changes: dict[str, object], asks: bool) -> None:
    """The maker's own acceptance isn't the operator's."""
    manifest = write_bundle(tmp_path, **changes)
    assert licences.needs_acceptance(manifest) == asks
    assert licences.is_accepted(Settings(data=tmp_path), manifest) != asks


def test_nothing_is_handed_out_before(api: Api, settings: Settings, real: Manifest) -> None:
    folder = f"{ROOT}/bundles/{real.bundle}"
    urls = [f"{folder}/manifest.json", *(f"{folder}/{path}" for path in REAL), folder]
    for url in urls:
        problem(api.get(url, Range="bytes=0-1"), 403, "licence_unaccepted")
    problem(api.get(urls[0] + "x"), 404, "not_found")
    answer = api.lease(8, pool="real")
    assert (answer.leases, refused(answer.idle)) == ([], True)
    assert [pool.licence_accepted for pool in api.status().pools] == [False]

    licences.accept(settings, real, by="alice", at=now())
    for url in urls:
        assert api.get(url).status_code == 200
    assert len(api.lease(8).leases) == UNITS
    assert [pool.licence_accepted for pool in api.status().pools] == [True]


def test_what_was_leased_before_a_withdrawal_is_taken(
    api: Api, settings: Settings, real: Manifest
) -> None:
    licences.accept(settings, real, by="alice", at=now())
    [lease] = api.lease().leases
    licences.withdraw(settings, real)
    answer = api.ok(api.post_result(lease, result_for(lease, more=1)), Accepted)
    assert answer.next
    assert (answer.next.leases, refused(answer.next.idle)) == ([], True)


@pytest.mark.usefixtures("real", "pool")
def test_other_pools_go_on(api: Api) -> None:
    leases = api.lease(8).leases
    assert {lease.pool for lease in leases} == {"test"}
    for lease in leases:
        api.finish(lease)
    answer = api.lease()
    assert answer.idle
    assert answer.idle.reason == "drained"
    assert refused(api.lease(pool="real").idle)


@pytest.fixture
def plain(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def take_in(dva: Dva, plain: Settings, tmp_path: Path, *options: str) -> Done:
    folder = write_pool(tmp_path / "shards", [3])
    bundle = ("--bundle", str(tmp_path / "real"))
    return dva(plain, "ingest", "real", str(folder), *bundle, *options)


def test_a_script_is_told_what_to_say(dva: Dva, plain: Settings, tmp_path: Path) -> None:
    manifest = write_real(tmp_path / "real")
    done = take_in(dva, plain, tmp_path)
    assert (done.status, done.out) == (1, "")
    for words in ("[licence_unaccepted]", "Example-1.0", URL, "LICENSE.txt", "--accept-license"):
        assert words in done.err
    assert not plain.bundles.exists()

    assert take_in(dva, plain, tmp_path, "--accept-license").status == 0
    assert take_in(dva, plain, tmp_path).status == 0
    record = licences.acceptance(plain, manifest)
    assert record
    assert (record.name, record.url) == ("Example-1.0", URL)
    [listed] = json.loads(dva(plain, "bundle", "list", "--json").out)
    assert (listed["bundle"], listed["accepted"]) == (manifest.bundle, True)
    assert listed["accepted_by"] == record.accepted_by

    done = dva(plain, "bundle", "withdraw", manifest.bundle)
    assert "NOT ACCEPTED" in done.out
    assert "NOT ACCEPTED" in dva(plain, "bundle", "list").out
    assert "[bundle_unknown]" in dva(plain, "bundle", "accept", "0" * 32).err
    done = dva(plain, "bundle", "accept", manifest.bundle, "--accept-license")
    assert "accepted by" in done.out


@pytest.mark.parametrize("answer", ["y", "n"])
def test_on_a_terminal_it_is_shown_and_asked(plain: Settings, tmp_path: Path, answer: str) -> None:
    manifest = write_real(tmp_path / "real")
    register(tmp_path / "real", plain.bundles)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        command("bundle", "accept", manifest.bundle),
        env=environment(plain),
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
    ) as asking:
        os.close(theirs)
        os.write(ours, f"{answer}\n".encode())
        said = _until_closed(ours)
    assert "Be kind.[2J" in said, "what would clear the screen is shown as letters"
    assert "\x1b" not in said
    assert asking.returncode == (0 if answer == "y" else 1)
    assert licences.is_accepted(plain, manifest) == (answer == "y")


def _until_closed(terminal: int) -> str:
    said = b""
    while True:
        try:
            said += os.read(terminal, 4096)
        except OSError:  # how Linux tells that nobody has the other end any more
            os.close(terminal)
            return said.decode()


def test_another_text_is_another_licence(plain: Settings, tmp_path: Path) -> None:
    plain.data.mkdir()
    manifest = write_real(tmp_path / "real")
    licences.accept(plain, manifest, by="alice", at=now())
    other = {**REAL, "LICENSE.txt": b"Be kinder."}
    changed = write_bundle(tmp_path / "other", other, demo=False, licence=LICENCE)
    assert licences.is_accepted(plain, manifest)
    assert not licences.is_accepted(plain, changed)
    sibling = {**REAL, "text.onnx": b"other weights of the same checkpoint"}
    assert licences.is_accepted(plain, write_bundle(tmp_path / "q4", sibling, demo=False))


def test_what_is_shown_is_what_the_manifest_lists(tmp_path: Path) -> None:
    manifest = write_real(tmp_path)
    (tmp_path / "LICENSE.txt").write_text("Do what you like.")
    with pytest.raises(BundleError):
        licences.licence_text(tmp_path, manifest)


def test_the_doctor_says_so(settings: Settings, real: Manifest) -> None:
    def found() -> list[str]:
        return [each.state for each in data.shards(settings) if each.check == "licence of real"]

    assert found() == ["problem"]
    licences.accept(settings, real, by="alice", at=now())
    assert found() == ["ok"]


def test_dva_serve_says_so(
    capsys: pytest.CaptureFixture[str], api: Api, settings: Settings, real: Manifest
) -> None:
    announce(settings, api.status().pools)
    assert f"dva bundle accept {real.bundle}" in capsys.readouterr().err


def test_a_backup_keeps_what_was_accepted(dva: Dva, plain: Settings, tmp_path: Path) -> None:
    manifest = write_real(tmp_path / "real")
    assert take_in(dva, plain, tmp_path, "--accept-license").status == 0
    assert dva(plain, "backup", str(tmp_path / "backup")).status == 0
    assert licences.is_accepted(Settings(data=tmp_path / "backup"), manifest)


def test_the_text_that_is_served_is_what_is_asked_about(
    dva: Dva, plain: Settings, tmp_path: Path
) -> None:
    """The licence is no part of a bundle's id: another copy may bring another text."""
    kept = write_real(tmp_path / "real")
    register(tmp_path / "real", plain.bundles)
    other = {**REAL, "LICENSE.txt": b"Do what you like."}
    write_bundle(tmp_path / "real", other, demo=False, model="ViT-B-32:dfn", licence=LICENCE)
    assert take_in(dva, plain, tmp_path, "--accept-license").status == 0
    assert licences.is_accepted(plain, kept)
