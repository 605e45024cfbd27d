"""The shards that one run of `dva ingest` is to take, here or by URL, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.errors import PoolError
from server.pools.copies import Copies
from server.pools.services import SHARD_NAME
from server.pools.storage import Found


class Offered(Protocol):
    """A tar. `work`: bytes to be moved until it is in, as far as that is known beforehand."""

    @property
    def path(self) -> Path: ...
    @property
    def work(self) -> int: ...
    @property
    def found(self) -> Found | None:
        """Where it was found, unless that is here."""

    def bring(self, *, keep: bool, count: Callable[[int], None]) -> None:
        """Sees to it that it lies at `path`. `keep`: the pool has taken it in. `count(size)`: so
        many of its bytes have been moved. Raises ShardError."""

    def drop(self) -> None:
        """The pool won't have it."""


@dataclass(frozen=True, kw_only=True)
class Here:
    """It stays where it is."""

    path: Path
    found: None = None

    @property
    def work(self) -> int:
        return self.path.stat().st_size

    def bring(self, *, keep: bool, count: Callable[[int], None]) -> None:
        del keep, count

    def drop(self) -> None:
        """It is the operator's."""


@dataclass(frozen=True, kw_only=True)
class Elsewhere:
    """It is copied first."""

    found: Found
    copies: Copies

    @property
    def path(self) -> Path:
        return self.copies.path(self.found)

    @property
    def work(self) -> int:
        return 2 * self.found.size

    def bring(self, *, keep: bool, count: Callable[[int], None]) -> None:
        self.copies.bring(self.found, keep=keep, count=count)

    def drop(self) -> None:
        self.copies.drop(self.found)


def find_shards(
    paths: Iterable[Path], urls: Sequence[str] = (), kept: Copies | None = None
) -> list[Offered]:
    """The tars named, or lying in the folders named; `kept`: where those named by URL are copied
    to, with the pool.json beside them. Raises PoolError."""
    found: dict[str, tuple[Offered, str]] = {}
    for path in paths:
        for shard in sorted(path.glob("*.tar")) if path.is_dir() else [path]:
            if not shard.is_file():
                raise PoolError(f"There is no file {shard}.", code="shard_missing")
            _require_name(shard.name, str(shard))
            # A link keeps its own name: what it leads to may be called anything, a digest say.
            whole = shard.parent.resolve() / shard.name
            _once(found, Here(path=whole), str(whole))
    if urls:
        assert kept is not None
        remote = kept.find(urls)
        for each in remote:
            _require_name(each.name, each.url)
            _once(found, Elsewhere(found=each, copies=kept), each.url)
        kept.bring_beside(remote)
    if not found:
        raise PoolError(
            "No tars were found.", code="shard_missing", next_step="Name tars, or folders of tars."
        )
    return [found[name][0] for name in sorted(found)]


def _once(found: dict[str, tuple[Offered, str]], shard: Offered, where: str) -> None:
    _, other = found.setdefault(shard.path.stem, (shard, where))
    if other != where:
        raise PoolError(f"Two shards are called {shard.path.name}: {other}, {where}")


def _require_name(name: str, where: str) -> None:
    if not name.endswith(".tar") or not SHARD_NAME.fullmatch(name.removesuffix(".tar")):
        raise PoolError(
            f"{where} can't be a shard's name.",
            next_step="Shards are called NAME.tar; use letters, digits, . _ and -.",
        )
