"""The server, as an agent talks to it: docs/protocol.md in methods."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Literal, Protocol, TypeVar

import msgspec

from dva_agent import VERSION, account, protocol, statements
from dva_agent.answer import Answer, error_of
from dva_agent.backoff import Backoff
from dva_agent.bundle import MANIFEST, Manifest, decode_manifest
from dva_agent.checking import check_result
from dva_agent.clock import Clock
from dva_agent.credit import Credit, CreditProof, Payout, PayoutChange
from dva_agent.errors import BundleError, MessageError, Refused, ServerError
from dva_agent.identity import Identity
from dva_agent.origin import origin_of
from dva_agent.protocol import PROTOCOL, PROTOCOL_HEADER, ROOT, Message
from dva_agent.readiness import SelfTest, SelfTestVerdict
from dva_agent.retry import Answered, Retrying, again, unheard

M = TypeVar("M", bound=Message)
T = TypeVar("T")

PROOFS = 3
"""Challenges to answer before giving up: one may end while the server keeps the agent waiting."""

RENEWED_BEFORE_S = 60.0
"""A token's end, so that the page, which asks with the same one, doesn't find it ended; a tenth of
its life where that is less."""


class Transport(Protocol):
    """The wire: httpx in a terminal, fetch() in the tab."""

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """Raises Unreachable if there is no answer. Follows no redirects."""
        ...


class ServerClient:
    """One device's connection. Failures that may pass (no answer, 429, 5xx) are retried for ever,
    each time later; cancel to give up. Others raise Refused or Outdated."""

    def __init__(
        self,
        *,
        transport: Transport,
        server: str,
        clock: Clock,
        retrying: Retrying,
        answered: Answered = unheard,
        identity: Identity,
        backoff: Backoff | None = None,
        signed_in: Callable[[protocol.Device], None] = lambda _: None,
    ) -> None:
        """`server`: its origin, such as "http://127.0.0.1:8000". `identity`: who registers, and
        signs the results. `signed_in`: told of the device, with each new token."""
        self._transport = transport
        self._origin = server.rstrip("/")
        self._root = self._origin + ROOT
        self.signed_origin = origin_of(server)
        """What a signature for this server names."""
        self._clock = clock
        self._retrying = retrying
        self._answered = answered
        self._backoff = backoff or Backoff()
        self._identity = identity
        self._device: protocol.Device | None = None
        self._signed_in = signed_in
        self._renewal = asyncio.Lock()
        self._renew_at = 0.0
        self.token = ""

    def absolute(self, url: str) -> str:
        """A URL of a message as one that can be fetched: the server's own may be paths."""
        return self._origin + url if url.startswith("/") else url

    async def status(self) -> protocol.ServerStatus:
        """Open to everybody."""
        return await self._get("/status", protocol.ServerStatus)

    async def register(
        self, *, platform: Literal["browser", "native"], device_class: str
    ) -> protocol.Device:
        """Introduce this device, or say that it is here again; its token is used from now on."""
        identity = self._identity

        async def send(challenge: bytes, proof: bytes) -> protocol.Device:
            registration = protocol.Registration(
                platform=platform,
                device_class=device_class,
                agent_version=VERSION,
                account_key=identity.account_key,
                key_algorithm=identity.key_algorithm,
                device_key=identity.device_key,
                certificate=identity.certificate,
                challenge=challenge,
                proof=proof,
            )
            return await self._post("/devices", registration, protocol.Device)

        device = await self._proven(send)
        self._hold(device)
        return device

    def _hold(self, device: protocol.Device) -> None:
        self.token, self._device = device.token, device
        lasts = device.expires_in_s
        self._renew_at = self._clock.now() + lasts - min(RENEWED_BEFORE_S, lasts / 10)
        self._signed_in(device)

    async def me(self) -> account.Me:
        """Who the server thinks this is."""
        return await self._get("/me", account.Me)

    async def rename(self, name: str | None) -> account.Me:
        """None: anonymous."""
        return await self._post("/me", account.NameChange(display_name=name), account.Me)

    async def challenge(self) -> bytes:
        """What a signature that has to be fresh is made over. Open to everybody: no token is
        renewed for it, since a renewal begins with one."""

        async def attempt() -> protocol.Challenge:
            body = await self._send("POST", self._root + "/challenges", None)
            return _understood(partial(_decode, protocol.Challenge), body)

        return (await self._repeated(attempt)).challenge

    async def revoke(self, device: str, consent: account.Consent) -> account.Me:
        """A device of this contributor's is let in no more."""
        return await self._post(f"/me/devices/{device}/revoke", consent, account.Me)

    async def delete(self, consent: account.Consent) -> account.Me:
        """This contributor goes."""
        return await self._post("/me/delete", consent, account.Me)

    async def credit(self) -> Credit:
        """What all devices of this contributor have earned."""
        return await self._get("/me/credit", Credit)

    async def proof(self, epoch: int | None) -> CreditProof:
        """That this contributor's credit is in an epoch's statement; None: in the latest one's."""
        query = "" if epoch is None else f"?epoch={epoch}"
        return await self._get(f"/me/proof{query}", CreditProof)

    async def attach_payout(self, change: PayoutChange) -> Payout:
        """Where this contributor's credit is to be paid to outside."""
        return await self._post("/me/payout", change, Payout)

    async def vouch(self, told: SelfTest) -> SelfTestVerdict:
        """What a self-test came to. The same again is harmless."""
        return await self._post("/selftests", told, SelfTestVerdict)

    async def lease(self, request: protocol.LeaseRequest) -> protocol.Leases:
        """Work, or why there is none. What was granted in an answer that got lost comes with the
        answer to a repetition."""
        named = msgspec.structs.replace(request, request=os.urandom(16).hex())
        return await self._post("/leases", named, protocol.Leases)

    async def submit(
        self, lease: protocol.Lease, result: protocol.Result, columns: Sequence[protocol.Column]
    ) -> protocol.Accepted:
        """Post a result, the same bytes again until an answer comes. `columns`: the agent's.
        Raises MessageError before anything is sent if the result breaks the protocol's rules."""
        check_result(result, len(lease.pairs), columns)
        return await self._post(f"/leases/{lease.lease}/result", result, protocol.Accepted)

    async def sign(self, statement: bytes) -> bytes:
        """By this device's key."""
        return await self._identity.sign(statement)

    async def heartbeat(self, lease: str) -> protocol.Heartbeat:
        """Move the deadline. Tried once: the next heartbeat comes by itself."""
        body = await self._once("POST", f"{self._root}/leases/{lease}/heartbeat", None)
        return _understood(partial(_decode, protocol.Heartbeat), body)

    async def abandon(self, lease: str) -> None:
        """Give the unit back. Tried once: the deadline does the same, later."""
        await self._once("POST", f"{self._root}/leases/{lease}/abandon", None)

    async def report(self, report: protocol.Report) -> protocol.Reported:
        """Report a pair. Tried once: a person is waiting for the answer."""
        body = await self._once("POST", self._root + "/reports", protocol.encode(report))
        return _understood(partial(_decode, protocol.Reported), body)

    async def manifest(self, bundle_url: str) -> Manifest:
        """The manifest of the bundle whose files are below `bundle_url` (absolute)."""
        url = bundle_url + MANIFEST
        return await self._again("GET", url, None, decode_manifest)

    async def _get(self, path: str, kind: type[M]) -> M:
        return await self._again("GET", self._root + path, None, partial(_decode, kind))

    async def _post(self, path: str, message: Message | None, kind: type[M]) -> M:
        body = protocol.encode(message) if message is not None else None
        return await self._again("POST", self._root + path, body, partial(_decode, kind))

    async def _again(
        self, method: str, url: str, body: bytes | None, read: Callable[[bytes], T]
    ) -> T:
        async def attempt() -> T:
            return _understood(read, await self._once(method, url, body))

        return await self._repeated(attempt)

    async def _repeated(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await again(
            attempt,
            clock=self._clock,
            backoff=self._backoff,
            retrying=self._retrying,
            answered=self._answered,
        )

    async def _once(self, method: str, url: str, body: bytes | None) -> bytes:
        """The body of a 2xx answer. A token that ends soon is renewed before, one that has ended
        after all, as on a machine that slept, on the way."""
        token = self.token
        if self._device is not None and self._clock.now() >= self._renew_at:
            await self._renew(self._device, token)
            token = self.token
        try:
            return await self._send(method, url, body)
        except Refused as error:
            if error.code != "token_expired" or self._device is None:
                raise
            await self._renew(self._device, token)
        return await self._send(method, url, body)

    async def _send(self, method: str, url: str, body: bytes | None) -> bytes:
        headers = {PROTOCOL_HEADER: str(PROTOCOL), "Accept": "application/json"}
        # The token goes to the server's own interface, not to a mirror of its bundles.
        if self.token and url.startswith(self._root + "/"):
            headers["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = await self._transport.request(method, url, headers=headers, body=body)
        if 200 <= answer.status < 300:
            return answer.body
        raise error_of(answer)

    async def _renew(self, device: protocol.Device, ended: str) -> None:
        """Another token than `ended`: several requests may find it ended at the same time. Tried
        once: whatever needed it is tried again itself."""
        async with self._renewal:
            if self.token != ended:
                return

            async def send(challenge: bytes, proof: bytes) -> protocol.Session:
                asked = protocol.SessionRequest(
                    device=device.device, challenge=challenge, proof=proof
                )
                url = self._root + "/sessions"
                return _decode(
                    protocol.Session, await self._send("POST", url, protocol.encode(asked))
                )

            session = await self._proven(send)
            self._hold(
                msgspec.structs.replace(
                    device, token=session.token, expires_in_s=session.expires_in_s
                )
            )

    async def _proven(self, send: Callable[[bytes, bytes], Awaitable[M]]) -> M:
        """What `send` brings, with a challenge and the proof made over it."""
        refused: Refused | None = None
        for _ in range(PROOFS):
            challenge = await self.challenge()
            proof = await self._identity.sign(
                statements.of_session(challenge, self.signed_origin, self._identity.device_key)
            )
            try:
                return await send(challenge, proof)
            except Refused as error:
                if error.code != "challenge_invalid":
                    raise
                refused = error
        assert refused is not None
        raise refused


def _decode(kind: type[M], body: bytes) -> M:
    return protocol.decode(body, kind)


def _understood(read: Callable[[bytes], T], body: bytes) -> T:
    """A login page in between or half an answer is a failure that may pass, as no answer is."""
    try:
        return read(body)
    except BundleError:
        raise
    except MessageError as error:
        raise ServerError(f"The server's answer can't be read: {error}", code=error.code) from error
