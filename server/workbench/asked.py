"""What an address or a form of the workbench asks for. It comes from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import get_args

from server.errors import SelectionError
from server.results.standing import Standing
from server.selection.cut import Cut, Rule
from server.workbench import filters

PERCENT: Rule = "top"
DEFAULT = "15"
LONGEST = 40
_LARGEST = Decimal(10) ** 15


@dataclass(frozen=True, kw_only=True)
class Asked:
    """`value` as it was written: in percent for `top`. `other`: "" or what to compare with.
    `filters`: as they were written, see `filters`."""

    rule: Rule = PERCENT
    value: str = DEFAULT
    standing: Standing = "confirmed"
    other: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)

    @property
    def left_out(self) -> dict[str, str]:
        """The filters. Raises SelectionError."""
        return filters.checked(self.filters)

    @property
    def cut(self) -> Cut:
        """Raises SelectionError."""
        try:
            number = Decimal(self.value)
        except InvalidOperation as error:
            raise _no_number() from error
        if not number.is_finite() or abs(number) > _LARGEST:
            raise _no_number()
        # Divided as a decimal: 33.3 percent is then the very number that 0.333 is.
        return Cut(rule=self.rule, value=float(number / 100 if self.rule == PERCENT else number))

    @property
    def query(self) -> dict[str, str]:
        return {
            "rule": self.rule,
            "value": self.value,
            "state": self.standing,
            **({"other": self.other} if self.other else {}),
            **self.filters,
        }

    @property
    def counted(self) -> dict[str, str]:
        """What of it has to be counted: wherever the line lies, that is the same."""
        named = self.query
        return {name: named[name] for name in named if name not in ("rule", "value")}


def read(given: Mapping[str, str], default: Standing) -> Asked:
    """Unknown words are as good as none. `default`: the state to look at if none is named."""
    rule, state = given.get("rule", ""), given.get("state", "")
    return Asked(
        rule=next((each for each in get_args(Rule) if each == rule), PERCENT),
        value=given.get("value", DEFAULT).strip()[:LONGEST] or DEFAULT,
        standing=next((each for each in get_args(Standing) if each == state), default),
        other=given.get("other", "")[: 2 * LONGEST],
        filters=filters.given(given),
    )


def page(given: Mapping[str, str]) -> int:
    """From 0."""
    text = given.get("page", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def _no_number() -> SelectionError:
    return SelectionError("That isn't a number.", code="cut_invalid")
