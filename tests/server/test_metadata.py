"""What is kept of a pair's `.json` and caption, whatever they say."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from server.config import Settings
from server.db import Database
from server.pools import metadata
from server.pools.index import PAIRS
from server.pools.metadata import MAX_FACES, MAX_SIDE, PairMetadata, host_of, metadata_of
from server.pools.models import Unit
from server.pools.services import index_path, unit_metadata, unit_pairs
from tests.server.ingesting import Ingest
from tests.server.pool_factory import picture, uid, write_tar

DATACOMP = {
    "uid": uid(1),
    "url": "https://Images.Example.org:443/a/b.jpg?size=large",
    "key": "000000001",
    "status": "success",
    "error_message": None,
    "width": 512,
    "height": 341,
    "original_width": 1920,
    "original_height": 1280,
    "exif": "{}",
    "sha256": "0" * 64,
    "clip_l14_similarity_score": 0.21,
    "face_bboxes": [[0.1, 0.2, 0.3, 0.4], [0.5, 0.5, 0.6, 0.7]],
}


def test_a_pair_of_datacomp_by_img2dataset() -> None:
    assert metadata_of(DATACOMP, b"A dog in the park with a ball") == PairMetadata(
        original_width=1920,
        original_height=1280,
        url_host="images.example.org",
        caption_chars=29,
        language="en",
        nsfw=None,
        faces=2,
    )
    assert metadata_of({**DATACOMP, "face_bboxes": []}, b"").faces == 0


@pytest.mark.parametrize(
    ("record", "nsfw"),
    [
        ({"NSFW": "UNLIKELY"}, 0.0),
        ({"NSFW": "UNSURE"}, 0.5),
        ({"NSFW": "NSFW"}, 1.0),
        ({"punsafe": 0.25}, 0.25),
        ({"punsafe": 0.25, "NSFW": "LIKELY"}, 1.0),
        ({"nsfw_score_opennsfw2": 0.5, "nsfw_score_gantman": 0.75, "num_faces": 3}, 0.75),
        ({"NSFW": "", "punsafe": None}, None),
        ({"punsafe": 87}, 1.0),
        ({"punsafe": -0.5}, None),
        ({"punsafe": math.nan}, None),
        ({"nsfw": True}, 1.0),
    ],
)
def test_how_unsafe_it_is_said_to_be(record: dict[str, object], nsfw: float | None) -> None:
    assert metadata_of(record, None).nsfw == nsfw


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://user:pass@a.example:8080/x", "a.example"),
        ("//cdn.example/x.jpg", "cdn.example"),
        ("https://Bücher.example/x", "xn--bcher-kva.example"),
        ("https://192.0.2.1/x", "192.0.2.1"),
        ("https://[2001:DB8::1]:80/x", "2001:db8::1"),
        ("https://a.example./x", "a.example"),
        ("https://[broken/x", None),
        ("https://a b/x", None),
        ("https://a..b/x", None),
        ("https://-a.example/x", None),
        ("https://" + "a." * 200 + "b/x", None),
        ("https://\ud800.example/x", None),
        ("https://a\x00b/", None),
        ("data:image/png;base64,AAAA", None),
        ("x", None),
        ("", None),
        (5, None),
    ],
)
def test_hosts(url: object, host: str | None) -> None:
    assert host_of(url) == host


def test_captions() -> None:
    def told(caption: bytes | None) -> tuple[int | None, str | None]:
        row = metadata_of({}, caption)
        return row.caption_chars, row.language

    assert told(None) == (None, None)
    assert told(b"") == (0, "und")
    assert told(b"Ein Hund mit einem Ball") == (23, "de")
    assert told("赤いりんご".encode()) == (5, "ja")
    assert told(b"\xff\xfe") == (2, "und")
    assert told(b"a " * 5000) == (10000, None)


WORDS = st.sampled_from(
    ["", "512", "NSFW", "https://a.example/x", "http://[", "\ud800", "\0", "ü" * 99]
)
WHATEVER = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=4,
)
NAMES = sorted({*metadata.NSFW_COLUMNS, *DATACOMP, "NSFW", "num_faces"})


@given(record=st.dictionaries(st.sampled_from(NAMES), WHATEVER), caption=st.none() | st.binary())
def test_whatever_it_says_it_is_a_row(record: dict[str, object], caption: bytes | None) -> None:
    row = metadata_of(record, caption)
    pa.table([[value] for value in row], schema=metadata.SCHEMA)
    for side in (row.original_width, row.original_height):
        assert side is None or 1 <= side <= MAX_SIDE
    assert row.faces is None or 0 <= row.faces <= MAX_FACES
    assert row.nsfw is None or 0 <= row.nsfw <= 1
    assert row.url_host is None or len(row.url_host) <= 253


def write_shard(path: Path, records: list[bytes]) -> Path:
    content: list[tuple[str, bytes]] = []
    for number, record in enumerate(records):
        content += [(f"{number}.jpg", picture(number)), (f"{number}.json", record)]
        content += [(f"{number}.txt", b"a picture of the sea")]
    return write_tar(path, content)


@pytest.fixture
def run(database: Database, settings: Settings, bundle_folder: Path) -> Ingest:
    return Ingest(database, settings, bundle_folder)


def stored(run: Ingest) -> list[dict[str, Any]]:
    with run.database.read() as session:
        units = session.scalars(select(Unit).order_by(Unit.id)).all()
        tables = [unit_metadata(run.settings, unit) for unit in units]
    rows: list[dict[str, Any]] = pa.concat_tables(tables).to_pylist()
    return rows


def test_the_index_has_it_and_no_record_spoils_a_shard(run: Ingest, tmp_path: Path) -> None:
    odd = [
        json.dumps(DATACOMP).encode(),
        b'{"uid": "a", "original_width": NaN, "original_height": -3, "NSFW": [1]}',
        b'{"uid": "b", "original_width": ' + b"9" * 6000 + b', "original_height": 1e400}',
        b'{"uid": "c", "original_width": "64", "original_height": 64.0, "face_bboxes": {}}',
        b"[" * 5000,
        b"",
    ]
    done = run(write_shard(tmp_path / "a.tar", odd))
    assert (done.refused, done.pairs, done.units) == ([], 6, 2)
    rows = stored(run)
    assert [row["original_width"] for row in rows] == [1920, None, None, None, None, None]
    assert [row["original_height"] for row in rows] == [1280, None, None, 64, None, None]
    assert [row["faces"] for row in rows] == [2, *[None] * 5]
    assert {(row["caption_chars"], row["language"]) for row in rows} == {(20, "en")}
    assert [pair.uid for pairs in run.pairs() for pair in pairs][:4] == [uid(1), "a", "b", "c"]


def test_an_index_from_before_gives_nulls(run: Ingest, tmp_path: Path) -> None:
    run(write_shard(tmp_path / "old.tar", [json.dumps(DATACOMP).encode()] * 1))
    path = index_path(run.settings, "test", "old")
    pq.write_table(pq.read_table(path, columns=PAIRS.names), path)
    with run.database.read() as session:
        unit = session.scalars(select(Unit)).one()
        assert [pair.uid for pair in unit_pairs(run.settings, unit)] == [uid(1)]
    assert stored(run) == [dict.fromkeys(metadata.SCHEMA.names)]
