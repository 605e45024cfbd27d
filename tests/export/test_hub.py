"""Downloads: huggingface_hub's own client against a hub on this machine."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from export.errors import DownloadFailed
from export.hub import Hub, Repository, commit_of
from export.hub_errors import failure
from tests.export.small_hub import COMMIT, Served, SmallHub

NAME = "someone/clip"
LARGE = bytes(range(256)) * 400


@pytest.fixture
def hub() -> Iterator[SmallHub]:
    with SmallHub().running() as running:
        running.add(NAME, config__json=b"{}", weights__bin=LARGE)
        yield running


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's pauses between its attempts, without the waiting."""
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.01)))


def repository(hub: SmallHub, cache: Path, *, revision: str = "") -> Repository:
    return Repository(Hub(endpoint=hub.address, cache=cache, revision=revision), NAME)


def refusal(repo: Repository, *names: str) -> str:
    with pytest.raises(DownloadFailed) as caught:
        repo.file(*names)
    assert "\n" not in str(caught.value)
    assert caught.value.code == "download_failed"
    return f"{caught.value} {caught.value.next_step}"


def test_one_commit_gives_everything(hub: SmallHub, tmp_path: Path) -> None:
    repo = repository(hub, tmp_path, revision="v1")
    assert repo.commit == ""
    assert repo.file("missing.json", "config.json").read_bytes() == b"{}"
    assert repo.commit == COMMIT
    assert repo.file("weights.bin").read_bytes() == LARGE
    assert repo.file_if_any("LICENSE") is None
    revisions = [path.split("/resolve/")[1].split("/")[0] for _, path, _ in hub.asked]
    assert revisions[:3] == ["v1", "v1", "v1"]
    assert set(revisions[3:]) == {COMMIT}


def test_the_cache_answers_without_a_network(hub: SmallHub, tmp_path: Path, at_once: None) -> None:
    repository(hub, tmp_path).file("config.json")
    repository(hub, tmp_path).file("weights.bin")
    hub.refusal = (503, "")
    again = repository(hub, tmp_path)
    assert again.file("open_clip_config.json", "config.json").read_bytes() == b"{}"
    assert again.commit == COMMIT
    before = len(hub.asked)
    assert again.file("weights.bin").read_bytes() == LARGE
    assert len(hub.asked) == before, "a commit's files need no question"


def test_a_broken_download_goes_on_where_it_stopped(
    hub: SmallHub, tmp_path: Path, at_once: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last whole piece, which is 10 MB unless told."""
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024)
    hub.repositories[NAME]["weights.bin"].cut = 2
    assert repository(hub, tmp_path).file("weights.bin").read_bytes() == LARGE
    ranges = [asked for method, _, asked in hub.asked if method == "GET"]
    half = len(LARGE) // 2
    assert ranges == ["", f"bytes={half}-", f"bytes={half + half // 2}-"]


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (403, "GatedRepo", ("gated", f"https://huggingface.co/{NAME}", "HF_TOKEN")),
        (401, "GatedRepo", ("gated", "hf auth login")),
        (401, "", ("refuses it to this account (401)", "HF_TOKEN")),
        (403, "", ("refuses it to this account (403)", "HF_TOKEN")),
        (404, "RepoNotFound", ("no such repository",)),
        (404, "RevisionNotFound", ("no such revision", "--revision")),
        (429, "", ("fewer requests (429)", "later")),
        (500, "", ("in trouble (500)", "later")),
    ],
)
def test_what_the_hub_refuses_is_said_in_a_sentence(
    status: int, code: str, says: tuple[str, ...], hub: SmallHub, tmp_path: Path, at_once: None
) -> None:
    hub.refusal = (status, code)
    said = refusal(repository(hub, tmp_path), "config.json")
    assert all(words in said for words in says), said
    assert NAME in said


def test_a_name_that_is_none_is_refused(hub: SmallHub, tmp_path: Path) -> None:
    odd = Repository(Hub(endpoint=hub.address, cache=tmp_path), "not a name")
    assert "no such repository" in refusal(odd, "config.json")
    assert hub.asked == []


def test_a_file_that_is_not_there_is_named(hub: SmallHub, tmp_path: Path) -> None:
    said = refusal(repository(hub, tmp_path), "model.safetensors", "model.bin")
    assert "holds no model.safetensors or model.bin" in said


def test_no_answer_is_said_in_a_sentence(tmp_path: Path, at_once: None) -> None:
    with SmallHub().running() as gone:
        pass
    said = refusal(repository(gone, tmp_path), "config.json")
    assert "no answer from the hub" in said
    assert "--arch" in said


def test_the_first_reason_stays_the_reason(hub: SmallHub, tmp_path: Path, at_once: None) -> None:
    """A hub that gave no answer isn't asked, and waited for, again."""
    hub.refusal = (503, "")
    repo = repository(hub, tmp_path)
    assert repo.file_if_any("README.md") is None
    asked = len(hub.asked)
    said = refusal(repo, "config.json", "weights.bin")
    assert "the hub is in trouble (503)" in said
    assert len(hub.asked) == asked


def test_offline_only_the_cache_answers(
    hub: SmallHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository(hub, tmp_path).file("config.json")
    hub.asked.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    repo = repository(hub, tmp_path)
    assert repo.file("config.json").read_bytes() == b"{}"
    assert repo.commit == COMMIT
    assert "HF_HUB_OFFLINE" in refusal(repo, "weights.bin")
    assert hub.asked == []


def test_another_server_is_not_taken_for_a_hub(hub: SmallHub, tmp_path: Path) -> None:
    hub.is_hub = False
    assert "not a Hugging Face hub" in refusal(repository(hub, tmp_path), "config.json")


def test_a_download_that_keeps_breaking_is_refused(
    hub: SmallHub, tmp_path: Path, at_once: None
) -> None:
    hub.repositories[NAME]["weights.bin"] = Served(body=LARGE, cut=10**6)
    assert "broke off" in refusal(repository(hub, tmp_path), "weights.bin")
    assert not list(tmp_path.rglob("weights.bin"))


def test_a_wrong_checksum_is_refused(hub: SmallHub, tmp_path: Path) -> None:
    """Of a large file and of a small one, downloaded now or gone bad in the cache."""
    wrong = LARGE[:-1] + b"?"
    hub.repositories[NAME] = {
        "weights.bin": Served(body=LARGE, truly=wrong),
        "config.json": Served(body=b"{}", truly=b"[]"),
    }
    for name in hub.repositories[NAME]:
        said = refusal(repository(hub, tmp_path), name)
        assert f"{name} of {NAME} is damaged" in said
        blob = Path(said.partition("Delete ")[2].partition(" and run")[0])
        blob.unlink()
    hub.repositories[NAME]["weights.bin"].truly = b""
    kept = repository(hub, tmp_path).file("weights.bin")
    assert kept.read_bytes() == LARGE
    kept.resolve().write_bytes(wrong)
    assert "damaged" in refusal(repository(hub, tmp_path), "weights.bin")


def test_a_disk_without_room_is_said_before_anything_is_fetched(
    hub: SmallHub, tmp_path: Path
) -> None:
    hub.repositories[NAME]["weights.bin"].size = 10**15
    said = refusal(repository(hub, tmp_path), "weights.bin")
    assert "the disk has no room for weights.bin" in said
    assert "HF_HOME" in said
    assert hub.bodies() == []


def test_a_folder_that_cannot_be_written_is_said(hub: SmallHub, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    said = refusal(repository(hub, tmp_path / "cache"), "config.json")
    assert "HF_HOME" in said


def test_the_environment_is_heeded(hub: SmallHub, tmp_path: Path) -> None:
    """HF_ENDPOINT and HF_HOME, as the client reads them when it starts."""
    program = (
        "import json; from export.hub import Hub, Repository;"
        f"r = Repository(Hub(), {NAME!r});"
        "print(json.dumps([str(r.file('weights.bin')), r.commit]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path)},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    path, commit = json.loads(done.stdout)
    assert Path(path).is_relative_to(tmp_path)
    assert commit == COMMIT


def test_a_disk_that_fills_up_on_the_way_is_said() -> None:
    said = failure(OSError(errno.ENOSPC, "No space left on device"), NAME, "weights.bin")
    assert "no room for weights.bin" in str(said)


def test_a_source_says_its_commit() -> None:
    assert commit_of(f"hf-hub:{NAME}@{COMMIT}") == COMMIT
    assert commit_of("ViT-B-32:openai") == ""
    assert commit_of("mine@home") == ""
