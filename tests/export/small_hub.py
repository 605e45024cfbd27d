"""A Hugging Face hub of one machine, for tests: what the hub's own client asks for, over HTTP.

Files are served at /REPOSITORY/resolve/REVISION/NAME with the headers that the hub sends, ranges
included, so that huggingface_hub itself downloads, resumes, caches and refuses.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "c0ffee" * 6 + "cafe"
LARGE = 10_000
"""From here on a file counts as large: its etag is a sha256, as git LFS has it."""


@dataclass(kw_only=True)
class Served:
    body: bytes
    truly: bytes = b""
    """What is sent in the stead of `body`, which the headers speak of."""
    cut: int = 0
    """How many answers break off half-way."""
    size: int = 0
    """The size it says it has; 0: the true one."""

    @property
    def etag(self) -> str:
        if len(self.body) >= LARGE:
            return hashlib.sha256(self.body).hexdigest()
        return hashlib.sha1(b"blob %d\0" % len(self.body) + self.body).hexdigest()


@dataclass(kw_only=True)
class SmallHub:
    repositories: dict[str, dict[str, Served]] = field(default_factory=dict)
    revisions: tuple[str, ...] = ("main", "v1", COMMIT)
    refusal: tuple[int, str] = (0, "")
    """Status and X-Error-Code of every answer; 0: none is refused."""
    is_hub: bool = True
    """Otherwise it answers like any web server."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path, Range."""
    address: str = ""

    def add(self, repository: str, **files: bytes | Served) -> None:
        """A dot in a name is written __."""
        self.repositories[repository] = {
            name.replace("__", "."): each if isinstance(each, Served) else Served(body=each)
            for name, each in files.items()
        }

    def bodies(self) -> list[str]:
        """The names of the files whose bodies were asked for."""
        return [path.rpartition("/")[2] for method, path, _ in self.asked if method == "GET"]

    @contextmanager
    def running(self) -> Iterator[SmallHub]:
        hub = self

        class Handler(_Handler):
            of = hub

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    of: SmallHub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        hub = self.of
        hub.asked.append((self.command, self.path, self.headers.get("Range", "")))
        repository, _, rest = self.path.removeprefix("/").partition("/resolve/")
        revision, _, name = rest.partition("/")
        files = hub.repositories.get(repository)
        if hub.refusal[0]:
            self._refuse(*hub.refusal)
        elif files is None:
            self._refuse(404, "RepoNotFound")
        elif revision not in hub.revisions:
            self._refuse(404, "RevisionNotFound")
        elif name not in files:
            self._refuse(404, "EntryNotFound")
        else:
            self._send(files[name])

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, file: Served) -> None:
        asked = self.headers.get("Range", "")
        start = int(asked.removeprefix("bytes=").partition("-")[0]) if asked else 0
        body = (file.truly or file.body)[start:]
        self.send_response(206 if asked else 200)
        if self.of.is_hub:
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{file.etag}"')
        if asked:
            end = start + len(body)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("Content-Length", str(file.size or len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        if file.cut:
            file.cut -= 1
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
            return
        self.wfile.write(body)
