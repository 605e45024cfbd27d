"""`dva fetch` with the real img2dataset, against a web of our own in which not all is well."""

from __future__ import annotations

import hashlib
import io
import json
import os
import signal
import subprocess
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from export.demo.web import COLUMNS, Page, SmallWeb
from server.config import Settings
from server.fetching import environment
from tests.processes import descendants
from tests.server.command import Dva
from tests.server.process import command

MORE = {"NSFW": "UNLIKELY", "punsafe": 0.25, "similarity": None, "tags": ["a", None]}
"""What the metadata says besides."""
MORE_COLUMNS = [
    ("NSFW", pa.string()),
    ("punsafe", pa.float32()),
    ("similarity", pa.float64()),
    ("tags", pa.list_(pa.string())),
]
WITH_MORE = pa.schema([*COLUMNS, *(pa.field(*each) for each in MORE_COLUMNS)])
PATIENCE_S = 120.0
IN_SHARD = 10
PAIRS = 24
FACE, WRONG, MISSING, NO_AI, MOVED, BROKEN, LARGE, ELSEWHERE = range(8)
"""What the first rows are; the others are well."""
LATE = 14
"""A row of the second shard whose answer waits until the test lets go."""
SLOW = 22


class Pages(dict[str, Page]):
    """Counts who asked for what."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def get(self, path: str, default: Page | None = None) -> Page:  # type: ignore[override]
        self.asked[path] += 1
        return super().get(path, default or Page(status=HTTPStatus.NOT_FOUND))


@pytest.fixture(scope="module")
def img2dataset() -> None:
    """`make setup-dev` has made it; where it hasn't, this does."""
    environment.make(environment.DEFAULT)


@pytest.fixture
def web() -> Iterator[SmallWeb]:
    web = SmallWeb(Pages())
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield web
    web.shutdown()
    thread.join()
    web.server_close()


def _image(number: int) -> bytes:
    """A checkerboard, in which a blurred part is seen, with a corner of its own."""
    pixels = np.indices((48, 64)).sum(axis=0) // 2 % 2 * 255
    picture = np.repeat(pixels[:, :, None], 3, axis=2).astype(np.uint8)
    picture[:4, :4] = number * 10
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def _uid(number: int) -> str:
    return f"{number:032x}"


def _fill(web: SmallWeb, metadata: Path) -> Pages:
    pages = Pages()
    rows = []
    for number in range(PAIRS):
        image = _image(number)
        host = web.url.replace("127.0.0.1", "localhost") if number == MISSING else web.url
        rows.append(
            {
                "uid": _uid(number),
                "url": f"{host}/{number}.png",
                "text": f"picture {number}",
                "original_width": 64,
                "original_height": 48,
                "face_bboxes": [[0.25, 0.25, 0.75, 0.75]] if number == FACE else [],
                "sha256": hashlib.sha256(image).hexdigest(),
                **MORE,
            }
        )
        pages[f"/{number}.png"] = Page(body=image)
    pages["/moved.png"] = pages[f"/{MOVED}.png"]
    moved = (("Location", "/moved.png"),)
    elsewhere = (("Location", "file:///etc/hostname"),)
    pages[f"/{MOVED}.png"] = Page(status=HTTPStatus.FOUND, headers=moved)
    pages[f"/{ELSEWHERE}.png"] = Page(status=HTTPStatus.FOUND, headers=elsewhere)
    pages[f"/{NO_AI}.png"] = Page(body=_image(NO_AI), headers=(("X-Robots-Tag", "noai"),))
    pages[f"/{WRONG}.png"] = Page(body=_image(WRONG + 1))
    pages[f"/{BROKEN}.png"] = Page(body=b"no picture")
    rows[BROKEN]["sha256"] = hashlib.sha256(b"no picture").hexdigest()
    pages[f"/{LARGE}.png"] = Page(body=b"x" * 1_200_000)
    pages[f"/{LATE}.png"] = Page(body=_image(LATE), wait_s=PATIENCE_S)
    pages[f"/{SLOW}.png"] = Page(body=_image(SLOW), wait_s=PATIENCE_S)
    del pages[f"/{MISSING}.png"]
    metadata.mkdir()
    pq.write_table(pa.Table.from_pylist(rows, WITH_MORE), metadata / "0.parquet")
    web.pages = pages
    return pages


def _arguments(metadata: Path, out: Path) -> list[str]:
    small = ["--shard-pairs", str(IN_SHARD), "--processes", "1", "--threads", "4", "--retries", "0"]
    rest = ["--max-megabytes", "1", "--timeout", "100", "--max-seconds", "200", "--allow-private"]
    return ["fetch", str(metadata), "--out", str(out), *small, *rest]


def _wait_until_gone(processes: list[int]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while any(_runs(process) for process in processes):
        assert time.monotonic() < deadline, "something of img2dataset outlived dva fetch"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False


def _members(out: Path) -> dict[str, bytes]:
    members = {}
    for path in sorted(out.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                file = tar.extractfile(member)
                assert file
                members[member.name] = file.read()
    return members


def test_from_metadata_to_a_pool(
    img2dataset: None, web: SmallWeb, tmp_path: Path, bundle_folder: Path, dva: Dva
) -> None:
    settings = Settings(data=tmp_path / "data")
    out = tmp_path / "shards"
    pages = _fill(web, tmp_path / "metadata")
    arguments = _arguments(tmp_path / "metadata", out)

    # Killed with the first shard finished and the second one waiting for a site.
    started = subprocess.Popen(command(*arguments), stderr=subprocess.PIPE)
    deadline = time.monotonic() + PATIENCE_S
    while not ((out / "00000000_stats.json").is_file() and pages.asked[f"/{LATE}.png"]):
        assert started.poll() is None, started.stderr and started.stderr.read()
        assert time.monotonic() < deadline, "the first shard isn't finished"
        time.sleep(0.05)
    others = list(descendants(started.pid))
    assert others
    os.kill(started.pid, signal.SIGKILL)
    started.communicate()
    _wait_until_gone(others)
    assert not (out / "00000001_stats.json").exists()

    pages[f"/{LATE}.png"] = Page(body=_image(LATE))
    before = pages.asked.copy()
    arguments[arguments.index("--timeout") + 1] = "6"
    done = dva(settings, *arguments)
    assert done.status == 0, done.err
    assert not any((pages.asked - before)[f"/{row}.png"] for row in range(IN_SHARD)), "not again"
    lines = done.out.splitlines()
    assert lines[0] == f"{out}: 17 of 24 pairs fetched, in 3 shards"
    assert sorted(lines[1:7]) == [
        "  1 hash drift: another picture than the metadata's sha256",
        "  1 not readable as pictures",
        "  1 refused by their sites (noai, noindex)",
        "  1 too large",
        "  1 too slow",
        "  2 dead links",
    ]
    hosts = pq.read_table(out / "fetch" / "hosts.parquet").to_pylist()
    assert {"host": "localhost", "outcome": "dead_link", "pairs": 1} in hosts
    assert sum(row["pairs"] for row in hosts) == PAIRS

    # What came is what was named, with the metadata along.
    members = _members(out)
    records = [json.loads(body) for name, body in members.items() if name.endswith(".json")]
    lost = {WRONG, MISSING, NO_AI, BROKEN, LARGE, ELSEWHERE, SLOW}
    assert {record["uid"] for record in records} == {
        _uid(number) for number in range(PAIRS) if number not in lost
    }
    for record in records:
        number = int(record["uid"], 16)
        key = record["key"]
        assert members[f"{key}.txt"].decode() == f"picture {number}"
        assert record.items() >= MORE.items()
        assert record["sha256"] == hashlib.sha256(_image(number)).hexdigest()
        picture = np.asarray(Image.open(io.BytesIO(members[f"{key}.jpg"])).convert("L"), np.int16)
        contrast = np.abs(np.diff(picture[20:28, 24:40], axis=1)).max()
        assert (contrast < 100) == (number == FACE), "only the face is blurred"

    done = dva(settings, "ingest", "small", str(out), "--bundle", str(bundle_folder))
    assert done.status == 0, done.err
    assert "3 shards added (17 pairs in 3 units)" in done.err

    # Finished: the web isn't asked, and the counts are the same.
    before = pages.asked.copy()
    again = dva(settings, *arguments)
    assert (again.status, again.out.splitlines()) == (0, lines)
    assert pages.asked == before


def test_nothing_comes_from_a_private_network(
    img2dataset: None, web: SmallWeb, tmp_path: Path, dva: Dva
) -> None:
    pages = _fill(web, tmp_path / "metadata")
    arguments = _arguments(tmp_path / "metadata", tmp_path / "shards")
    arguments.remove("--allow-private")
    done = dva(Settings(data=tmp_path / "data"), *arguments)
    assert done.status == 1
    assert "[fetch_nothing]" in done.err
    assert f"  {PAIRS} at private addresses" in done.out.splitlines()
    assert not pages.asked
