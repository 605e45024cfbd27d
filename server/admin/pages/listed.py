"""A list that is longer than a page: which page its address asks for, of what, and the way on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import request, url_for

from server.admin.pages import asked

LONGEST_SEARCH = 80


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`state`: one of `states`, or "" for any; `usual`: which it is where the address says none.
    `page`: from 1. `size`: how many a page has."""

    search: str
    state: str
    states: Sequence[str]
    usual: str
    page: int
    size: int

    @property
    def first(self) -> int:
        return (self.page - 1) * self.size

    @property
    def narrows(self) -> bool:
        """Whether it asks for some of them only."""
        return bool(self.search or self.state)

    def pages(self, total: int) -> int:
        """At least 1."""
        return max(-(-total // self.size), 1)

    def address(self, page: int) -> str:
        """Of another page of the same list."""
        said = {"state": (self.state, self.usual), "search": (self.search, "")}
        query: dict[str, Any] = {
            name: value for name, (value, usual) in said.items() if value != usual
        }
        return url_for(str(request.endpoint), **(request.view_args or {}), **query, page=page)


def wanted(size: int, *, states: Sequence[str] = (), usual: str = "") -> Wanted:
    """What the address asks for. A state that is none asks for any."""
    state = asked.text("state", 20) if "state" in request.args else usual
    return Wanted(
        search=asked.text("search", LONGEST_SEARCH),
        state=state if state in states else "",
        states=states,
        usual=usual,
        page=asked.number("page", 1),
        size=size,
    )
