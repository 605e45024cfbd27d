"""`dva fetch` without img2dataset: what that is told and given, and what it may connect to."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.error import URLError

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.demo.web import Page, SmallWeb
from server.errors import FetchError
from server.fetching import environment, guarded
from server.fetching.guarded import Limits, is_public, opener
from server.fetching.layouts import layout_of, made_uid
from server.fetching.options import Means, Shape, told
from server.fetching.outcomes import outcome_of, outcomes
from server.fetching.staging import FOLDER, METADATA, SHARDS_A_FILE, Staged, stage

SHAPE = Shape(image_size=512, shard_pairs=10, verify_hash=False, blur_faces=False)
LIMITS = Limits(max_bytes=1000, max_seconds=5, allow_private=True)
DATACOMP = pa.schema(
    [
        ("uid", pa.string()),
        ("url", pa.string()),
        ("text", pa.string()),
        ("original_width", pa.int64()),
        ("original_height", pa.int64()),
        ("clip_l14_similarity_score", pa.float32()),
        ("face_bboxes", pa.list_(pa.list_(pa.float64()))),
        ("sha256", pa.string()),
    ]
)
LAION = pa.schema(
    [
        ("SAMPLE_ID", pa.int64()),
        ("URL", pa.string()),
        ("TEXT", pa.string()),
        ("HEIGHT", pa.int32()),
        ("WIDTH", pa.int32()),
        ("NSFW", pa.string()),
        ("similarity", pa.float64()),
        ("thumbnail", pa.binary()),
    ]
)


@pytest.fixture
def web() -> Iterator[SmallWeb]:
    web = SmallWeb({})
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield web
    web.shutdown()
    thread.join()
    web.server_close()


def _stage(metadata: Path, out: Path, shape: Shape = SHAPE) -> Staged:
    return stage(metadata, out, shape, "1.47.0", lambda done, total: None)


def _staged(out: Path) -> list[pa.Table]:
    return [pq.read_table(path) for path in sorted((out / FOLDER / METADATA).iterdir())]


# What a table's columns are


def test_datacomp() -> None:
    layout = layout_of(DATACOMP)
    assert (layout.url, layout.caption) == ("url", "text")
    assert (layout.uid, layout.sha256, layout.faces) == ("uid", "sha256", "face_bboxes")
    # img2dataset measures width and height itself, and refuses to be given them.
    assert layout.kept == ("clip_l14_similarity_score",)


def test_laion() -> None:
    layout = layout_of(LAION)
    assert (layout.url, layout.caption) == ("URL", "TEXT")
    assert layout.uid is layout.sha256 is layout.faces is None
    assert layout.kept == ("SAMPLE_ID", "HEIGHT", "WIDTH", "NSFW", "similarity")


@pytest.mark.parametrize(
    "names", [["uid", "text"], ["url"], ["a"], [], ["url", "text", "x", "x"]], ids=str
)
def test_what_is_no_metadata(names: list[str]) -> None:
    with pytest.raises(FetchError) as caught:
        layout_of(pa.schema([(name, pa.string()) for name in names]))
    assert caught.value.code == "metadata_layout"


def test_a_made_uid_is_of_url_and_caption() -> None:
    # Pools that were fetched before stand on it.
    assert made_uid("https://a.example/1.jpg", "a cat") == "b7de9fa9e726f07239e29c9e0dbce501"
    assert made_uid("https://a.example/1.jpg", "a dog") != made_uid(
        "https://a.example/1.jpg", "a cat"
    )
    assert made_uid("u", None) == made_uid("u", "")


# What img2dataset is given


def test_rows_keep_their_order_over_files(tmp_path: Path) -> None:
    sizes, uids = (700, 1, 0, 1300), []
    (tmp_path / "metadata").mkdir()
    for number, size in enumerate(sizes):
        names = [f"{number}-{row}" for row in range(size)]
        uids += names
        pq.write_table(
            pa.table(
                {"uid": names, "url": names, "text": names},
                schema=pa.schema(
                    [("uid", pa.string()), ("url", pa.string()), ("text", pa.string())]
                ),
            ),
            tmp_path / "metadata" / f"{number}.parquet",
        )
    staged = _stage(tmp_path / "metadata", tmp_path / "out")
    tables = _staged(tmp_path / "out")
    assert [uid for table in tables for uid in table["uid"].to_pylist()] == uids
    assert [table.num_rows for table in tables] == [10 * SHARDS_A_FILE, 10 * SHARDS_A_FILE, 1]
    assert (staged.rows, staged.pairs, staged.shards) == (2001, 2001, 201)


def test_a_uid_comes_once_and_a_row_without_url_not_at_all(tmp_path: Path) -> None:
    rows = [
        {"URL": "http://a/1", "TEXT": "one", "similarity": math.nan},
        {"URL": None, "TEXT": "two", "similarity": 0.5},
        {"URL": "http://a/1", "TEXT": "one", "similarity": 0.25},
        {"URL": "", "TEXT": "none", "similarity": 0.5},
        {"URL": "http://a/1", "TEXT": None, "similarity": None},
    ]
    pq.write_table(pa.Table.from_pylist(rows, LAION), tmp_path / "m.parquet")
    staged = _stage(tmp_path / "m.parquet", tmp_path / "out")
    (table,) = _staged(tmp_path / "out")
    assert table["text"].to_pylist() == ["one", None]
    assert table["uid"].to_pylist() == [made_uid("http://a/1", "one"), made_uid("http://a/1", "")]
    assert table["similarity"].to_pylist() == [None, None], "JSON has no NaN"
    assert (staged.rows, staged.pairs, staged.no_url, staged.duplicates) == (5, 2, 2, 1)


def test_a_fetch_goes_on_only_as_it_began(tmp_path: Path) -> None:
    out = tmp_path / "out"
    table = pa.table({"url": ["http://a/1"], "text": ["one"]})
    pq.write_table(table, tmp_path / "m.parquet")
    first = _stage(tmp_path / "m.parquet", out)
    assert _stage(tmp_path / "m.parquet", out) == first
    pq.write_table(table, tmp_path / "n.parquet")
    smaller = Shape(image_size=64, shard_pairs=10, verify_hash=False, blur_faces=False)
    for metadata, shape in (("n.parquet", SHAPE), ("m.parquet", smaller)):
        with pytest.raises(FetchError) as caught:
            _stage(tmp_path / metadata, out, shape)
        assert caught.value.code == "fetch_differs"
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    with pytest.raises(FetchError) as caught:
        _stage(tmp_path / "m.parquet", tmp_path / "mine")
    assert caught.value.code == "fetch_folder"
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "metadata_unreadable"), (b"PAR1 but not really PAR1", "metadata_unreadable")],
)
def test_what_is_no_parquet(tmp_path: Path, content: bytes, code: str) -> None:
    (tmp_path / "m.parquet").write_bytes(content)
    with pytest.raises(FetchError) as caught:
        _stage(tmp_path / "m.parquet", tmp_path / "out")
    assert caught.value.code == code


@pytest.mark.parametrize("column", ["url", "text", "uid", "NSFW"])
def test_text_that_is_not_utf8(tmp_path: Path, column: str) -> None:
    texts = {name: pa.array([b"one"]) for name in ("url", "text", "uid", "NSFW")}
    texts[column] = pa.array([b"\xff\xfe"])
    views = {
        name: pa.StringArray.from_buffers(1, *array.buffers()[1:]) for name, array in texts.items()
    }
    pq.write_table(pa.table(views), tmp_path / "m.parquet")
    with pytest.raises(FetchError) as caught:
        _stage(tmp_path / "m.parquet", tmp_path / "out")
    assert caught.value.code == "metadata_unreadable"


def test_what_cannot_be_done(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": ["http://a/1"], "text": ["one"]}), tmp_path / "m.parquet")
    for shape in (
        Shape(image_size=512, shard_pairs=10, verify_hash=True, blur_faces=False),
        Shape(image_size=512, shard_pairs=10, verify_hash=False, blur_faces=True),
    ):
        with pytest.raises(FetchError) as caught:
            _stage(tmp_path / "m.parquet", tmp_path / "out", shape)
        assert caught.value.code == "metadata_layout"
    with pytest.raises(FetchError) as caught:
        _stage(tmp_path / "out", tmp_path / "again")
    assert caught.value.code == "metadata_missing"
    pq.write_table(pa.table({"url": pa.array([None], pa.string()), "text": ["x"]}), tmp_path / "m")
    with pytest.raises(FetchError) as caught:
        _stage(tmp_path / "m", tmp_path / "none")
    assert caught.value.code == "metadata_empty"


def test_options_as_datacomp_has_them() -> None:
    """https://github.com/mlfoundations/datacomp downloads with these."""
    shape = Shape(image_size=512, shard_pairs=10_000, verify_hash=True, blur_faces=True)
    means = Means(processes=16, threads=128, timeout=10, retries=2, limits=LIMITS)
    said = told(shape, means, Path("/staged"), Path("/out"), ("NSFW",))["options"]
    datacomp = {
        "image_size": 512,
        "processes_count": 16,
        "thread_count": 128,
        "resize_mode": "keep_ratio_largest",
        "resize_only_if_bigger": True,
        "encode_format": "jpg",
        "output_format": "webdataset",
        "input_format": "parquet",
        "url_col": "url",
        "caption_col": "text",
        "bbox_col": "face_bboxes",
        "number_sample_per_shard": 10_000,
        "oom_shard_count": 8,
        "retries": 2,
    }
    assert {name: said[name] for name in datacomp} == datacomp
    assert said["save_additional_columns"] == ["uid", "NSFW"]
    assert said["verify_hash"] == ["sha256", "sha256"]
    assert "noai" in said["disallowed_header_directives"]
    plain = told(SHAPE, means, Path("/staged"), Path("/out"), ())["options"]
    assert plain["bbox_col"] is plain["verify_hash"] is None


def test_img2dataset_is_told_no_secret() -> None:
    given = environment.variables({"DVA_SECRET_KEY": "x", "PYTHONPATH": "y", "HOME": "/h"})
    assert "DVA_SECRET_KEY" not in given
    assert "PYTHONPATH" not in given
    assert given["HOME"] == "/h"


# What it may connect to


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
    ],
)
def test_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_is_as_public(address: object) -> None:
    assert is_public(f"::ffff:{address}") == is_public(str(address))


def _read(url: str, limits: Limits = LIMITS, timeout: float = 5) -> bytes:
    with opener(limits).open(url, timeout=timeout) as answer:
        body: bytes = answer.read()
        return body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "[::1]"])
def test_this_machine_is_asked_only_if_allowed(web: SmallWeb, host: str) -> None:
    port = web.server_address[1]
    shy = Limits(max_bytes=1000, max_seconds=5, allow_private=False)
    with pytest.raises(URLError, match=guarded.NOT_PUBLIC):
        _read(f"http://{host}:{port}/", shy)


def test_a_redirect_is_looked_at_too(web: SmallWeb, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for number, to in enumerate([f"file://{secret}", "ftp://127.0.0.1/x", "/loop"]):
        headers = (("Location", to),)
        path = "/loop" if to == "/loop" else f"/{number}"
        web.pages = {path: Page(status=HTTPStatus.FOUND, headers=headers)}
        with pytest.raises(URLError):
            _read(web.url + path)
    for scheme in (f"file://{secret}", "data:,secret", "ftp://127.0.0.1/x"):
        with pytest.raises(URLError):
            _read(scheme)


def test_size_and_time_are_bounded(web: SmallWeb) -> None:
    web.pages = {
        "/fits": Page(body=b"x" * 1000),
        "/large": Page(body=b"x" * (1001 + guarded.HEADERS_ROOM)),
        "/slow": Page(body=b"xx", wait_s=0.3),
    }
    assert _read(f"{web.url}/fits") == b"x" * 1000
    with pytest.raises(OSError, match=guarded.TOO_LARGE):
        _read(f"{web.url}/large")
    assert _read(f"{web.url}/slow") == b"xx"
    with pytest.raises(TimeoutError):
        _read(f"{web.url}/slow", timeout=0.05)
    hurried = Limits(max_bytes=1000, max_seconds=0, allow_private=True)
    with pytest.raises(OSError, match=guarded.TOO_SLOW):
        _read(f"{web.url}/slow", hurried)


# What came of it


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        ("success", None, "fetched"),
        ("failed_to_resize", "Image decoding error", "unreadable"),
        ("failed_to_download", "HTTP Error 404: Not Found", "dead_link"),
        ("failed_to_download", None, "dead_link"),
        ("failed_to_download", "hash mismatch", "hash_drift"),
        (
            "failed_to_download",
            "Use of image disallowed by X-Robots-Tag directive",
            "opted_out",
        ),
        ("failed_to_download", f"<urlopen error {guarded.NOT_PUBLIC}>", "not_public"),
        ("failed_to_download", "<urlopen error timed out>", "too_slow"),
        ("failed_to_download", "The read operation timed out", "too_slow"),
    ],
)
def test_what_a_message_means(status: str, message: str | None, outcome: str) -> None:
    assert outcome_of(status, message) == outcome


def test_counts_by_host(tmp_path: Path) -> None:
    urls = [
        "http://A.example/1",
        "https://u:p@a.example:8080/2",
        "http://[::1]:80/",
        "nonsense",
        "http://b.example",
    ]
    failed = "failed_to_download"
    for number in (0, 1):
        pq.write_table(
            pa.table(
                {
                    "url": urls,
                    "status": ["success", failed, failed, failed, "success"],
                    "error_message": [None, "HTTP Error 404", "hash mismatch", "x", None],
                }
            ),
            tmp_path / f"{number}.parquet",
        )
    found = outcomes(sorted(tmp_path.iterdir()))
    assert (found.shards, found.pairs) == (2, 10)
    assert found.counts["fetched"] == 4
    assert found.counts["dead_link"] == 4
    assert found.counts["hash_drift"] == 2
    assert found.worst_hosts(2) == [("", 2, 2), ("[::1]", 2, 2)]
    assert ("a.example", 2, 4) in found.worst_hosts(9)
    assert outcomes([]).counts["fetched"] == 0
