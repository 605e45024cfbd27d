"""How fast, as pure functions: the generic cell rate algorithm (ITU-T I.371, a leaky bucket read as
a meter), which keeps one time for each client and nothing else."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

ROUNDING_S = 1e-5
"""Seconds since 1970 are stored to the microsecond: who comes back in time isn't late by that."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """`per_s` a second in the long run, above 0, and `burst` at once, at least 1."""

    per_s: float
    burst: float


@dataclass(frozen=True, kw_only=True)
class Taken:
    """`free_at`: when the client has its whole burst again, to be kept for the next time. `wait_s`:
    0 if it may go on; else seconds until it may, and `free_at` is as it was."""

    free_at: float
    wait_s: float


def take(rate: Rate, free_at: float, at: float) -> Taken:
    """One request at time `at`, in seconds of any clock; `free_at` in the past for a new client."""
    following = max(free_at, at) + 1.0 / rate.per_s
    # What was asked for may lie ahead by as long as the burst takes to earn.
    ahead = following - at - rate.burst / rate.per_s
    if ahead > ROUNDING_S:
        return Taken(free_at=free_at, wait_s=ahead)
    return Taken(free_at=following, wait_s=0.0)


def network_of(address: str | None) -> str | None:
    """The network that an address counts for: /24 of IPv4, /64 of IPv6, since a household or a
    server has the whole of one. None for this machine itself, which isn't limited: it is a person
    trying things out, or a proxy that wasn't told of in DVA_PROXIES and stands for everybody."""
    try:
        found = ipaddress.ip_address(address or "")
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        # Without the zone of a link-local address, and an IPv4 address as what it is.
        found = found.ipv4_mapped or ipaddress.IPv6Address(int(found))
    if found.is_loopback:
        return None
    size = 24 if found.version == 4 else 64
    return str(ipaddress.ip_network((found, size), strict=False))
