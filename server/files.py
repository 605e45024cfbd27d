"""Files to clients: whole, one range of one, or packed with brotli beforehand."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import IO, cast

from flask import Response, request, send_file
from werkzeug.wsgi import wrap_file

MIME = {
    ".css": "text/css",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tar": "application/x-tar",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".whl": "application/zip",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
"""Our own table: the system's differs from machine to machine, and modules and WebAssembly don't
load under another type than these."""
IMMUTABLE_S = 31_536_000


class FilePart:
    """Bytes [start, start + size) of a file, for the WSGI server to send. gunicorn hands it to the
    kernel (sendfile): it begins at the descriptor's position and ends with Content-Length. Other
    servers read it."""

    def __init__(self, path: Path, start: int, size: int) -> None:
        self._file = path.open("rb", buffering=0)
        self._file.seek(start)
        self._left = size

    def fileno(self) -> int:
        return self._file.fileno()

    def read(self, size: int = -1) -> bytes:
        body = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(body)
        return body

    def close(self) -> None:
        self._file.close()


def send(path: Path, *, etag: str | None = None, immutable: bool = False) -> Response:
    """Conditional, by ETag and Range. `immutable`: the address names the content. A file `path`.br
    beside it goes to those who accept it, unless they ask for a range."""
    packed = path.with_name(path.name + ".br")
    may_pack = "Range" not in request.headers and packed.is_file()
    use_packed = may_pack and request.accept_encodings.quality("br") > 0
    response = send_file(
        packed if use_packed else path,
        mimetype=MIME.get(path.suffix.lower(), "application/octet-stream"),
        conditional=True,
        download_name=path.name,
        etag=True if etag is None else etag + ("-br" if use_packed else ""),
        max_age=IMMUTABLE_S if immutable else None,
    )
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        _send_part(response, path)
    if use_packed:
        response.headers["Content-Encoding"] = "br"
        response.headers.pop("Accept-Ranges", None)
    if packed.is_file():
        response.vary.add("Accept-Encoding")
    if immutable:
        response.cache_control.public = True
        response.cache_control.immutable = True
    return response


def _send_part(response: Response, path: Path) -> None:
    """Werkzeug's own range would pass through Python in blocks of 8 KB, at twice the cost."""
    start, size = response.content_range.start, response.content_length
    assert start is not None
    assert size is not None
    response.response.close()  # type: ignore[union-attr]
    response.response = wrap_file(request.environ, cast(IO[bytes], FilePart(path, start, size)))
