"""A web server on loopback that has a folder: with Range and entity tags, and with the faults that
others have."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote


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
            body = there.body(self.path)
            wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
            first = int(wanted[1]) if wanted and there.ranges else 0
            there.asked.append((self.command, f"{self.path}#{first}" if first else self.path))
            if body is None:
                self.send_error(404)
                return
            tag = f'"{hashlib.md5(body).hexdigest()}"'
            if there.tags and self.headers.get("If-Match", tag) != tag:
                self.send_error(412)
                return
            self.send_response(206 if wanted and there.ranges else 200)
            if wanted and there.ranges:
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            if there.tags:
                self.send_header("ETag", tag)
            self.send_header("Last-Modified", "Sat, 28 Nov 2026 12:00:00 GMT")
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            if with_body:
                short = there.breaks.pop(0) if there.breaks else None
                self.wfile.write(body[first:][:short])
                self.close_connection = True

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
