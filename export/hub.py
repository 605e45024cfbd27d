"""Files of a Hugging Face repository, through the hub's own client and cache.

The first file that is found settles which commit everything comes from, and each file is held to
the checksum that the cache names it by, whether it was downloaded now or years ago. HF_HOME,
HF_ENDPOINT, HF_TOKEN and HF_HUB_OFFLINE mean what they mean to every other tool.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from export.errors import CheckpointRefused, DownloadFailed
from export.hub_errors import failure

Say = Callable[[str], None]

COMMIT = re.compile(r"[0-9a-f]{40}")
NO_ROOM = "Not enough free disk space"
PIECE = 1 << 20
WORTH_SAYING = 100_000


@dataclass(frozen=True, kw_only=True)
class Hub:
    """Where files come from. Empty: what the environment says, or the client's own default."""

    revision: str = ""
    """Branch, tag or commit; "": the main branch."""
    endpoint: str = ""
    cache: Path | None = None
    say: Say = field(default=lambda _: None)


class Repository:
    """One repository of the hub, at one commit once a file of it was found."""

    def __init__(self, hub: Hub, name: str) -> None:
        self.name = name
        self._hub = hub
        self._commit = ""
        self._why_not: Exception | None = None

    @property
    def commit(self) -> str:
        """40 hex digits; "" before the first file."""
        return self._commit

    def file(self, *names: str) -> Path:
        """The first of these that the repository holds. Raises DownloadFailed."""
        unreachable: DownloadFailed | None = None
        for name in names:
            try:
                found = self._fetch(name)
            except _Unreachable as error:
                unreachable = error
                continue
            if found is not None:
                return found
        raise unreachable or DownloadFailed(
            f"{self.name} holds no {' or '.join(names)}{self._at()}.",
            next_step="Check the id and the revision on the hub.",
        )

    def file_if_any(self, name: str) -> Path | None:
        """A file that isn't needed: None where there is none, or none can be had."""
        try:
            return self.file(name)
        except DownloadFailed:
            return None

    def _at(self) -> str:
        revision = self._commit or self._hub.revision
        return f" at {revision}" if revision else ""

    def _fetch(self, name: str) -> Path | None:
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=NO_ROOM)
                path = hf_hub_download(
                    self.name,
                    name,
                    revision=self._commit or self._hub.revision or None,
                    endpoint=self._hub.endpoint or None,
                    cache_dir=self._hub.cache,
                    local_files_only=self._why_not is not None,  # asked once in vain: no more waits
                )
        except LocalEntryNotFoundError as error:
            self._why_not = self._why_not or error
            raise _Unreachable.of(failure(self._why_not, self.name, name)) from error
        except EntryNotFoundError:
            return None
        except Exception as error:  # the client's own, its HTTP library's, the system's
            raise failure(error, self.name, name) from error
        found = Path(path)
        if COMMIT.fullmatch(found.parent.name):
            self._commit = found.parent.name
        if (size := found.stat().st_size) >= WORTH_SAYING:
            self._hub.say(f"{self.name}: {name}, {size / 1e6:,.1f} MB")
        _check(found, self.name)
        return found


def commit_of(source: str) -> str:
    """The commit in what a manifest says it was made from, NAME@COMMIT; "" where there is none."""
    commit = source.rpartition("@")[2]
    return commit if COMMIT.fullmatch(commit) else ""


class _Unreachable(DownloadFailed):
    """No answer, and not in the cache: another file of the repository may be."""

    @classmethod
    def of(cls, error: CheckpointRefused) -> _Unreachable:
        return cls(str(error), code=error.code, next_step=error.next_step)


def _check(path: Path, repository: str) -> None:
    """The cache names a file by its etag: sha256 of a large file, git's sha1 of a small one.
    Where it keeps no links (Windows), there is nothing to hold the file to."""
    if not path.is_symlink():
        return
    etag = path.readlink().name
    if re.fullmatch(r"[0-9a-f]{64}", etag):
        digest = hashlib.sha256()
    elif COMMIT.fullmatch(etag):
        digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    else:
        return
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            digest.update(piece)
    if digest.hexdigest() != etag:
        raise DownloadFailed(
            f"{path.name} of {repository} is damaged: its checksum isn't the one the hub gives.",
            next_step=f"Delete {path.resolve()} and run this again.",
        )
