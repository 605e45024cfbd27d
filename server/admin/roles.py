"""What an account may do: pure. Each role may do what the ones before it may."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Role = Literal["viewer", "operator", "maintainer"]
VIEWER: Role = "viewer"
OPERATOR: Role = "operator"
MAINTAINER: Role = "maintainer"
ROLES: tuple[Role, ...] = get_args(Role)
"""The least first."""
MEANINGS: Mapping[Role, str] = MappingProxyType(
    {
        VIEWER: "looks at everything but the log and the workbench, changes nothing",
        OPERATOR: "also decides about pools, shards, people, devices and reports, reads the log "
        "and looks at the workbench",
        MAINTAINER: "also cuts and publishes selections, and says which models are handed out",
    }
)


def may(role: Role, least: Role) -> bool:
    """Whether `role` reaches what takes `least`."""
    return ROLES.index(role) >= ROLES.index(least)
