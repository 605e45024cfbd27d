"""Other sets of pairs, to compare a cut with or to filter by: selections of the same pool, and
lists of uids that were uploaded.

Lists lie in data/workbench/POOL/lists/NAME.npy, in DataComp's layout.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from server.config import Settings
from server.durable import put
from server.errors import SelectionError
from server.pools.services import Pool
from server.selection import outputs, uids
from server.selection.compare import read_listed
from server.workbench import folders, services
from server.workbench.services import DONE

LIST_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """`value`: how an address names it."""

    value: str
    label: str
    path: Path

    @property
    def key(self) -> str:
        """Another for another file. Raises SelectionError if it isn't there."""
        try:
            found = self.path.stat()
        except OSError as error:
            raise _gone() from error
        text = f"{self.path}\0{found.st_size}\0{found.st_mtime_ns}"
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


@dataclass(frozen=True)
class Other:
    """Sorted uids, each once, read through the page cache."""

    key: str
    listed: npt.NDArray[np.void]

    def __len__(self) -> int:
        return len(self.listed)


def choices(session: Session, settings: Settings, pool: Pool) -> list[Choice]:
    """Its selections, the newest first, then uploaded lists."""
    found = [
        Choice(
            value=f"selection:{each.job_id}",
            label=f"{each.name} ({each.members or 0:,} members)",
            path=folders.selection(settings, pool.name, each.job_id) / outputs.NPY,
        )
        for each in services.selections(session, pool)
        if each.job.state == DONE
    ]
    lists = folders.lists(settings, pool.name)
    found += [
        Choice(value=f"list:{name}", label=f"{name} (uploaded)", path=lists / f"{name}.npy")
        for name in names(lists)
    ]
    return found


def chosen(value: str, known: Sequence[Choice]) -> Choice:
    """Raises SelectionError if it isn't there any more."""
    for choice in known:
        if choice.value == value:
            return choice
    raise _gone()


def read(choice: Choice) -> Other:
    """Raises SelectionError for a file that isn't in DataComp's layout."""
    key = choice.key
    try:
        listed = np.load(choice.path, mmap_mode="r", allow_pickle=False)
    except ValueError:
        # Nothing can't be mapped.
        listed = np.load(choice.path, allow_pickle=False)
    except OSError as error:
        raise _gone() from error
    if listed.dtype != uids.LAYOUT or listed.ndim != 1:
        raise SelectionError("This isn't a list in DataComp's layout.", code="uids_invalid")
    return Other(key, listed)


def keep_list(sent: Path, folder: Path, name: str) -> int:
    """Keeps an uploaded list, sorted, each uid once; how many. Raises SelectionError for a name
    that is taken or none, and for what is no list."""
    if not LIST_NAME.fullmatch(name):
        raise SelectionError(
            "A list's name is up to 60 letters, digits, dots, dashes and underscores.",
            code="name_invalid",
        )
    path = folder / f"{name}.npy"
    if path.exists():
        raise SelectionError(f"There is a list {name} already.", code="name_taken")
    listed = read_listed(sent)
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    with partial.open("wb") as file:
        np.save(file, uids.joined(listed.high, listed.low))
    put(partial, path)
    return len(listed)


def names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.npy") if LIST_NAME.fullmatch(path.stem))


def _gone() -> SelectionError:
    return SelectionError("This selection or list isn't there any more.", code="list_unknown")
