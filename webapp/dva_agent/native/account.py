"""What `dva identity` asks of a server, each a short visit of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from dva_agent import statements
from dva_agent.account import Consent, Me
from dva_agent.client import ServerClient
from dva_agent.clock import SystemClock
from dva_agent.credit import Credit, CreditProof, Payout, PayoutChange
from dva_agent.errors import ServerError
from dva_agent.native.identity import NativeIdentity, contributor_of
from dva_agent.native.transport import HttpTransport
from dva_agent.protocol import M


def look(server: str, who: NativeIdentity) -> Me:
    """Who the server thinks this is. Raises DvaError, as the others do."""
    return _visit(server, who, lambda client: client.me())


def rename(server: str, who: NativeIdentity, name: str | None) -> Me:
    """None: anonymous."""
    return _visit(server, who, lambda client: client.rename(name))


def revoke(server: str, who: NativeIdentity, device: str) -> Me:
    """`device` is let in no more."""

    async def act(client: ServerClient) -> Me:
        challenge = await client.challenge()
        return await client.revoke(
            device,
            _consent(
                who, challenge, statements.of_revocation(challenge, client.signed_origin, device)
            ),
        )

    return _visit(server, who, act)


def delete(server: str, who: NativeIdentity) -> Me:
    """The person goes, the scores stay."""

    async def act(client: ServerClient) -> Me:
        challenge = await client.challenge()
        whose = contributor_of(who.account_key)
        return await client.delete(
            _consent(who, challenge, statements.of_deletion(challenge, client.signed_origin, whose))
        )

    return _visit(server, who, act)


def credit_of(server: str, who: NativeIdentity) -> Credit:
    """What all of one's devices have earned there."""
    return _visit(server, who, lambda client: client.credit())


def proof(server: str, who: NativeIdentity, epoch: int | None) -> CreditProof:
    """None: of the latest epoch."""
    return _visit(server, who, lambda client: client.proof(epoch))


def attach_payout(server: str, who: NativeIdentity, address: str | None) -> Payout:
    """None: nowhere."""

    async def act(client: ServerClient) -> Payout:
        challenge = await client.challenge()
        agreed = statements.of_payout(challenge, client.signed_origin, address or "")
        signature = who.sign_as_account(agreed)
        change = PayoutChange(address=address, challenge=challenge, signature=signature)
        return await client.attach_payout(change)

    return _visit(server, who, act)


def _consent(who: NativeIdentity, challenge: bytes, statement: bytes) -> Consent:
    return Consent(challenge=challenge, signature=who.sign_as_account(statement))


def _visit(server: str, who: NativeIdentity, act: Callable[[ServerClient], Awaitable[M]]) -> M:
    async def go() -> M:
        transport = HttpTransport()
        client = ServerClient(
            transport=transport, server=server, clock=SystemClock(), retrying=_say, identity=who
        )
        try:
            await client.register(platform="native", device_class="terminal")
            return await act(client)
        finally:
            await transport.close()

    return asyncio.run(go())


def _say(error: ServerError, seconds: float) -> None:
    print(f"{error} Trying again in {seconds:.0f} s.", file=sys.stderr)
