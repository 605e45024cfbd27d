"""A small web that stands in for the real one: `python -m export.demo.web --metadata FOLDER`.

Serves pictures of the demo pool on this machine, each at an address of its own, and writes the
table that names them, in DataComp's layout. As on the web, not all is well: some links are dead,
some show another picture now, some say noai, and some send you elsewhere. docs/tutorial.md uses it.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = pa.schema(
    [
        ("uid", pa.string()),
        ("url", pa.string()),
        ("text", pa.string()),
        ("original_width", pa.int64()),
        ("original_height", pa.int64()),
        ("face_bboxes", pa.list_(pa.list_(pa.float64()))),
        ("sha256", pa.string()),
    ]
)
TYPES = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp"}
MOVED, DEAD, CHANGED, NO_AI = 3, 7, 13, 19
"""Which of twenty pairs are in trouble."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    uid: str
    extension: str
    image: bytes
    caption: str
    width: int
    height: int

    @property
    def path(self) -> str:
        return f"/{self.uid}.{self.extension}"


@dataclass(frozen=True, kw_only=True)
class Page:
    """What is at an address. `wait_s`: before the last byte of it comes."""

    body: bytes = b""
    kind: str = "image/png"
    status: HTTPStatus = HTTPStatus.OK
    headers: tuple[tuple[str, str], ...] = ()
    wait_s: float = 0.0


class SmallWeb(ThreadingHTTPServer):
    """`pages`: by path; everything else is 404."""

    daemon_threads = True

    def __init__(self, pages: Mapping[str, Page], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), Visit)
        self.pages = pages
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who has seen that a picture isn't for them leaves in the middle of it."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        assert isinstance(self.server, SmallWeb)
        page = self.server.pages.get(self.path, Page(status=HTTPStatus.NOT_FOUND))
        self.send_response(page.status)
        self.send_header("Content-Type", page.kind)
        self.send_header("Content-Length", str(len(page.body)))
        for name, value in page.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body[:-1])
        time.sleep(page.wait_s)
        self.wfile.write(page.body[-1:])

    def log_message(self, *_arguments: Any) -> None:
        """A line a picture would say nothing."""


def pictures(pool: Path, number: int) -> list[Picture]:
    """The first pairs of a demo pool that have both picture and caption."""
    found: list[Picture] = []
    for shard in sorted(pool.glob("*.tar")):
        for picture in _of_shard(shard):
            if len(found) == number:
                return found
            found.append(picture)
    return found


def troubled(shown: list[Picture]) -> dict[str, Page]:
    """What is at the address of each picture."""
    pages: dict[str, Page] = {}
    for number, picture in enumerate(shown):
        page = Page(body=picture.image, kind=TYPES[picture.extension])
        place = number % 20
        if place == MOVED:
            pages[f"/moved{picture.path}"] = page
            location = ("Location", f"/moved{picture.path}")
            page = Page(status=HTTPStatus.MOVED_PERMANENTLY, headers=(location,))
        elif place == DEAD:
            continue
        elif place == CHANGED:
            page = Page(body=shown[number - 1].image, kind=TYPES[shown[number - 1].extension])
        elif place == NO_AI:
            page = Page(body=page.body, kind=page.kind, headers=(("X-Robots-Tag", "noai"),))
        pages[picture.path] = page
    return pages


def write_metadata(path: Path, shown: list[Picture], url: str) -> None:
    rows = [
        {
            "uid": picture.uid,
            "url": url + picture.path,
            "text": picture.caption,
            "original_width": picture.width,
            "original_height": picture.height,
            "face_bboxes": [],
            "sha256": hashlib.sha256(picture.image).hexdigest(),
        }
        for picture in shown
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, COLUMNS), path)


def _of_shard(path: Path) -> Iterator[Picture]:
    members: dict[str, dict[str, bytes]] = {}
    with tarfile.open(path) as tar:
        for member in tar:
            key, _, extension = member.name.partition(".")
            file = tar.extractfile(member)
            if file is not None:
                members.setdefault(key, {})[extension] = file.read()
    for parts in members.values():
        extension = next((name for name in TYPES if name in parts), "")
        if not extension or "txt" not in parts:
            continue
        said = msgspec.json.decode(parts["json"], type=dict[str, Any])
        yield Picture(
            uid=said["uid"],
            extension=extension,
            image=parts[extension],
            caption=parts["txt"].decode(errors="replace"),
            width=said["width"],
            height=said["height"],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--metadata", type=Path, required=True, help="a folder for the table")
    parser.add_argument("--pool", type=Path, default=ROOT / "build" / "demo-pool")
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--port", type=int, default=8100)
    arguments = parser.parse_args()
    shown = pictures(arguments.pool, arguments.pairs)
    web = SmallWeb(troubled(shown), arguments.port)
    path = arguments.metadata / "pairs.parquet"
    write_metadata(path, shown, web.url)
    print(f"{len(shown)} pictures are at {web.url}; {path} names them.", flush=True)
    web.serve_forever()


if __name__ == "__main__":
    main()
