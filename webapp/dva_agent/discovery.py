"""The agents of this package: every module of dva_agent.agents that offers an `AGENT`.

There is no list to add to. It finds them as files in a terminal and as bytecode in the tab's wheel.
"""

from __future__ import annotations

import importlib
import pkgutil
import struct
from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from dva_agent import agents
from dva_agent.agents.base import DataAgent
from dva_agent.errors import AgentInvalid
from dva_agent.protocol import MAX_AGENTS, Column, Identifier, Need

_TAKEN = frozenset(
    ("uid", "status", "state", "bundle", "unit", "scored_at", "rung", "device_class")
)
"""Columns that score tables have beside an agent's own."""


def discover() -> Mapping[str, DataAgent]:
    """By name. Raises AgentInvalid."""
    names = sorted(module.name for module in pkgutil.iter_modules(agents.__path__))
    modules = (importlib.import_module(f"{agents.__name__}.{name}") for name in names)
    return gather(module.AGENT for module in modules if hasattr(module, "AGENT"))


def gather(found: Iterable[DataAgent]) -> Mapping[str, DataAgent]:
    """Agents by name, each checked. Raises AgentInvalid, which says what is wrong with which."""
    known: dict[str, DataAgent] = {}
    for agent in found:
        fault = _fault(agent)
        if fault:
            raise AgentInvalid(f"The agent {agent.name!r} {fault}.")
        if agent.name in known:
            raise AgentInvalid(f"Two agents are called {agent.name!r}.")
        known[agent.name] = agent
    if len(known) > MAX_AGENTS:
        raise AgentInvalid(f"There are {len(known)} agents, more than {MAX_AGENTS}.")
    return MappingProxyType(known)


def _fault(agent: DataAgent) -> str:
    try:
        msgspec.convert(agent.name, Identifier)
        msgspec.convert(list(agent.needs), list[Need])
        msgspec.convert(msgspec.to_builtins(agent.columns), list[Column])
    except msgspec.ValidationError as error:
        return f"can't travel: {error}"
    names = [column.name for column in agent.columns]
    if not names or len(set(names)) < len(names) or _TAKEN & {*names}:
        return "says nothing of a pair, or two things by one name, or has a name that is taken"
    faults = ((column.name, _column_fault(column)) for column in agent.columns)
    return next((f"has a column {name!r} {fault}" for name, fault in faults if fault), "")


def _column_fault(column: Column) -> str:
    bounds = (column.minimum, column.maximum)
    # Values travel as float32: a bound between two of those could refuse what lies on it.
    if struct.unpack("<2f", struct.pack("<2f", *bounds)) != bounds or bounds[0] > bounds[1]:
        return f"from {bounds[0]} to {bounds[1]}: float32 has no such bounds in this order"
    if column.labels and bounds != (0.0, len(column.labels) - 1.0):
        return f"of {len(column.labels)} labels, numbered {bounds[0]} to {bounds[1]}"
    return ""


AGENTS = discover()
