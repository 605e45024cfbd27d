"""A web server on loopback that has a folder: with Range and entity tags, and with the faults that
others have. Its first folders can also be asked as buckets, as S3 and Google's XML interface are:
what is in them (ListObjectsV2), without looking at signatures but for those in a query."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, unquote

from tests.server.signature4 import is_good

SECRET = "a secret"


@dataclass
class Far:
    """`breaks`: of the next answers that have a body, each ends after so many bytes."""

    folder: Path
    url: str = ""
    ranges: bool = True
    tags: bool = True
    breaks: list[int] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of each request, with the first byte asked for behind a #."""

    listed: list[str] = field(default_factory=list)
    """The authorization of each listing."""

    signed: list[str] = field(default_factory=list)
    """Paths that were asked for with a signature in the query, and given."""

    cors: str = "*"
    """Which pages may have what is here; empty: none."""

    moved: dict[str, str] = field(default_factory=dict)
    """Addresses that it sends to, by path."""

    ahead: timedelta = timedelta()
    """Of its clock."""

    def body(self, path: str) -> bytes | None:
        file = self.folder / unquote(path).lstrip("/")
        return file.read_bytes() if file.is_file() else None

    def gets(self, ending: str) -> list[str]:
        """What was asked for of files with this ending."""
        names = [path.rpartition("/")[2] for method, path in self.asked if method == "GET"]
        return [name for name in names if name.partition("#")[0].endswith(ending)]


@contextmanager
def far(folder: Path) -> Iterator[Far]:
    there = Far(folder)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self._answer(with_body=False)

        def do_GET(self) -> None:
            self._answer(with_body=True)

        def _answer(self, *, with_body: bool) -> None:
            path, _, query = self.path.partition("?")
            body = there.body(path)
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(wanted[1]) if wanted and there.ranges else 0
            asked = unquote(path)
            there.asked.append((self.command, f"{asked}#{first}" if first else asked))
            if "list-type=2" in query:
                self._list(path.strip("/"), parse_qs(query).get("prefix", [""])[0])
                return
            if path in there.moved:
                self.send_response(307)
                self.send_header("Location", there.moved[path])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if body is None:
                self.send_error(404)
                return
            if "X-Amz-Signature" in query:
                host, at = self.headers["Host"], datetime.now(UTC) + there.ahead
                if not is_good(path, query, host, secret=SECRET, at=at):
                    self.send_error(403)
                    return
                there.signed.append(asked)
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            if there.tags and self.headers.get("If-Match", tag) != tag:
                self.send_error(412)
                return
            self.send_response(206 if wanted and there.ranges else 200)
            if there.cors:
                self.send_header("Access-Control-Allow-Origin", there.cors)
            whole = len(body)
            if wanted and there.ranges:
                body = body[: int(wanted[2]) + 1] if wanted[2] else body
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{whole}")
            if there.tags:
                self.send_header("ETag", tag)
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT")
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            if with_body:
                short = there.breaks.pop(0) if there.breaks else None
                self.wfile.write(body[first:][:short])
                self.close_connection = True

        def _list(self, bucket: str, prefix: str) -> None:
            there.listed.append(self.headers.get("Authorization", ""))
            root = there.folder / bucket
            files = sorted(path for path in root.rglob("*") if path.is_file())
            keys = [(str(path.relative_to(root)), path.read_bytes()) for path in files]
            contents = "".join(
                f"<Contents><Key>{key}</Key><Size>{len(body)}</Size>"
                f"<LastModified>2026-11-28T12:00:00.000Z</LastModified>"
                f'<ETag>"{hashlib.md5(body).hexdigest()}"</ETag></Contents>'
                for key, body in keys
                if key.startswith(prefix) and "/" not in key[len(prefix) :]
            )
            answer = (
                f"<ListBucketResult><Name>{bucket}</Name><KeyCount>{len(keys)}</KeyCount>"
                f"<IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def s3_settings(there: Far) -> dict[str, str]:
    """What tells S3 clients of it, as operators do."""
    return {
        "AWS_ENDPOINT_URL": there.url,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_REGION": "nowhere-1",
        "AWS_ALLOW_HTTP": "true",
    }
