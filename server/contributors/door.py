"""Where proofs are shown: whose challenges count, and under which addresses people see this server.

A challenge can be had by anybody, another server too, which could give it to its own visitors and
bring back what they sign. So they sign which server they see, and that has to be this one.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from dva_agent.origin import origin_of
from dva_agent.protocol import KeyAlgorithm

from server.contributors import challenges
from server.contributors.signatures import is_signed
from server.keys import Keys
from server.refusals import OriginUnknown


@dataclass(frozen=True, kw_only=True)
class Door:
    """`origins`: this server's, as browsers name them."""

    keys: Keys
    origins: tuple[str, ...]

    def require_fresh(self, challenge: bytes, at: datetime) -> None:
        """Raises ChallengeInvalid."""
        challenges.require(self.keys.challenge, challenge, at)

    def is_agreed(
        self,
        statement: Callable[[str], bytes],
        *,
        by: bytes,
        algorithm: KeyAlgorithm,
        signature: bytes,
    ) -> bool:
        """Whether `by` signed the statement that names one of the origins."""
        return any(
            is_signed(statement(origin), by=by, algorithm=algorithm, signature=signature)
            for origin in self.origins
        )


def origins_of(own: tuple[str, ...], asked: str) -> tuple[str, ...]:
    """Those in the settings. Without any, the one that was `asked`, if only this machine or its own
    network can mean it by that: of a public name whoever asks may say what they like. Raises
    OriginUnknown."""
    if own:
        return own
    try:
        origin = origin_of(asked)
    except ValueError as error:
        raise OriginUnknown("This server was asked under no address.") from error
    if not is_local(origin):
        raise OriginUnknown(f"This server doesn't know that it is {origin[:100]}.")
    return (origin,)


def is_local(origin: str) -> bool:
    """Whether it names this machine or something in its own network, and nothing beyond."""
    host = urlsplit(origin).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "." not in host or host.endswith((".localhost", ".local"))
    return address.is_loopback or address.is_private or address.is_link_local
