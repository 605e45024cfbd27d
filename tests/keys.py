"""A contributor and a device, with real keys, for tests that talk to a server themselves."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dva_agent import statements
from dva_agent.account import Consent
from dva_agent.native.identity import NativeIdentity
from dva_agent.protocol import Registration, Result

ORIGIN = "http://localhost"
"""Of the server, to Flask's test client."""


class Keys:
    """New ones; with `account`, another device of that contributor."""

    def __init__(
        self, account: Ed25519PrivateKey | None = None, *, device_class: str = "test"
    ) -> None:
        self.device_class = device_class
        self.account = account or Ed25519PrivateKey.generate()
        self.device = Ed25519PrivateKey.generate()
        self.identity = NativeIdentity(account=self.account, device=self.device)

    def registration(self, challenge: bytes, origin: str = ORIGIN) -> Registration:
        mine = self.identity
        return Registration(
            platform="native",
            device_class=self.device_class,
            agent_version="1",
            account_key=mine.account_key,
            key_algorithm=mine.key_algorithm,
            device_key=mine.device_key,
            certificate=mine.certificate,
            challenge=challenge,
            proof=self.proof(challenge, origin),
        )

    def proof(self, challenge: bytes, origin: str = ORIGIN) -> bytes:
        return self.device.sign(statements.of_session(challenge, origin, self.identity.device_key))

    def consent(self, statement: bytes, challenge: bytes) -> Consent:
        return Consent(challenge=challenge, signature=self.account.sign(statement))

    def signature(self, result: Result, unit: str) -> bytes:
        return self.device.sign(
            statements.of_result(
                lease=result.lease,
                unit=unit,
                bundle=result.bundle,
                rung=result.rung,
                statuses=result.statuses,
                scores=result.scores,
            )
        )
