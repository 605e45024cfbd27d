"""What `dva ingest` may be told to take: tars and folders, here or by URL, by brace ranges as
webdataset's users write them, and files that list any of these."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from server.errors import PoolError

SCHEMES = ("https", "http", "s3", "gs")
MAX_SOURCES = 1_000_000
MAX_LINE = 8192
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,18})\.\.(\d{1,18})", re.ASCII)


def expand(sources: Iterable[str]) -> list[str]:
    """Each source, those that `::` joins apart, with its braces filled in: `{00000..00041}` counts,
    with as many digits as the first number has, and `{a,b}` names. Raises PoolError for braces that
    mean neither, and past MAX_SOURCES."""
    found: list[str] = []
    for source in (part for joined in sources for part in joined.split("::") if part):
        for each in _expanded(source):
            found.append(each)
            if len(found) > MAX_SOURCES:
                raise _invalid(source, f"it makes more than {MAX_SOURCES:,}")
    return found


def read_list(path: Path) -> list[str]:
    """A source a line, with blank lines and #-comments. Raises PoolError."""
    found = []
    try:
        with path.open(encoding="utf-8-sig") as file:
            while line := file.readline(MAX_LINE):
                text = line.strip()
                if text and not text.startswith("#"):
                    found.append(text)
    except (OSError, UnicodeDecodeError) as error:
        raise _invalid(str(path), str(error)) from error
    return found


def is_url(source: str) -> bool:
    """Raises PoolError for a URL that can't be taken from."""
    match = _URL.match(source)
    if not match:
        return False
    if match[1].lower() not in SCHEMES:
        raise _invalid(source, f"only {', '.join(SCHEMES)} are known")
    try:
        parts = urlsplit(source)
        host, secret = parts.hostname, parts.username or parts.password
    except ValueError as error:
        raise _invalid(source, str(error)) from error
    if not host:
        raise _invalid(source, "it names no host or bucket")
    if secret:
        raise _invalid(f"{match[1]}://…@{host}", "put credentials where the storage looks for them")
    if parts.query or parts.fragment:
        raise _invalid(source.partition("?")[0], "a query can't be kept; download it yourself")
    return True


def _expanded(source: str) -> Iterator[str]:
    match = _BRACES.search(source)
    if not match:
        yield source
        return
    before, after = source[: match.start()], source[match.end() :]
    for filled in _filled(source, match[1]):
        for rest in _expanded(after):
            yield before + filled + rest


def _filled(source: str, inside: str) -> Iterator[str]:
    if count := _RANGE.fullmatch(inside):
        first, last = int(count[1]), int(count[2])
        if not first <= last < first + MAX_SOURCES:
            raise _invalid(source, f"{{{inside}}} doesn't count up, or too far")
        return (f"{number:0{len(count[1])}d}" for number in range(first, last + 1))
    if "," not in inside:
        raise _invalid(source, f"{{{inside}}} is neither a range nor a list")
    return iter(inside.split(","))


def _invalid(source: str, why: str) -> PoolError:
    return PoolError(
        f"{source} can't be taken in: {why}.",
        code="source_invalid",
        next_step="Name tars, or folders of tars, by path or by s3://, gs:// or https:// URL; "
        "{00000..00041} stands for a range.",
    )
