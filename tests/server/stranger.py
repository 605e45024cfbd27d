"""A client by somebody who has read docs/protocol.md and nothing else: httpx, cryptography and the
standard library, nothing of this project."""

from __future__ import annotations

import hashlib
import hmac
import struct
from base64 import b64decode, b64encode
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ROOT = "/api/v1"
Json = dict[str, Any]


def said(label: str, *fields: bytes) -> bytes:
    """What is signed."""
    lengths = (struct.pack("<I", len(field)) + field for field in fields)
    return label.encode() + b"\0" + b"".join(lengths)


def text(blob: bytes) -> str:
    return b64encode(blob).decode()


def account_key(phrase: str) -> ed25519.Ed25519PrivateKey:
    """Of twelve words."""
    seed = hashlib.pbkdf2_hmac("sha512", phrase.encode(), b"mnemonic", 2048)
    master = hmac.digest(b"ed25519 seed", seed, "sha512")
    return ed25519.Ed25519PrivateKey.from_private_bytes(master[:32])


class DeviceKey:
    """`algorithm`: ed25519 or p256."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self._edwards = ed25519.Ed25519PrivateKey.generate()
        self._nist = ec.generate_private_key(ec.SECP256R1())

    @property
    def public(self) -> bytes:
        if self.algorithm == "ed25519":
            return self._edwards.public_key().public_bytes_raw()
        point = self._nist.public_key()
        return point.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, statement: bytes) -> bytes:
        if self.algorithm == "ed25519":
            return self._edwards.sign(statement)
        r, s = decode_dss_signature(self._nist.sign(statement, ec.ECDSA(SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class Stranger:
    """One device. `token`: what it sends."""

    def __init__(
        self,
        http: httpx.Client,
        account: ed25519.Ed25519PrivateKey | None = None,
        algorithm: str = "ed25519",
    ) -> None:
        self._http = http
        self.account = account or ed25519.Ed25519PrivateKey.generate()
        self.key = DeviceKey(algorithm)
        url = http.base_url
        self.seen = f"{url.scheme}://{url.netloc.decode()}".encode()
        """The server's origin, as it is seen from here."""
        self.token = ""
        self.device = ""
        self.contributor = ""

    def ask(self, method: str, path: str, body: Json | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return self._http.request(method, ROOT + path, json=body, headers=headers)

    def challenge(self) -> bytes:
        return b64decode(self.ask("POST", "/challenges").json()["challenge"])

    def registration(self, challenge: bytes) -> Json:
        account, device = self.account.public_key().public_bytes_raw(), self.key.public
        mine = said("dva device 1", account, self.key.algorithm.encode(), device)
        return {
            "platform": "native",
            "device_class": "a stranger's",
            "agent_version": "0",
            "account_key": text(account),
            "key_algorithm": self.key.algorithm,
            "device_key": text(device),
            "certificate": text(self.account.sign(mine)),
            "challenge": text(challenge),
            "proof": text(self.proof(challenge)),
        }

    def proof(self, challenge: bytes) -> bytes:
        return self.key.sign(said("dva session 2", challenge, self.seen, self.key.public))

    def register(self) -> httpx.Response:
        answer = self.ask("POST", "/devices", self.registration(self.challenge()))
        if answer.status_code == 201:
            told = answer.json()
            self.device, self.token = told["device"], told["token"]
            self.contributor = told["contributor"]
        return answer

    def renewal(self, challenge: bytes) -> Json:
        proof = text(self.proof(challenge))
        return {"device": self.device, "challenge": text(challenge), "proof": proof}

    def prove(self, bundle: str, bundle_url: str) -> httpx.Response:
        """A self-test of the bundle, by one who knows the model by heart: its golden scores."""
        manifest = self._http.get(bundle_url + "manifest.json").json()
        golden = self._http.get(bundle_url + manifest["golden_path"]).json()
        arithmetic = manifest["rungs"]["native"]["arithmetic"]
        scores = [pair["expected"][arithmetic]["score"] for pair in golden["pairs"]]
        told = {
            "bundle": bundle,
            "rung": "native",
            "device_class": "a stranger's",
            "browser": "none",
            "sound": True,
            "scores": text(struct.pack(f"<{len(scores)}f", *scores)),
        }
        return self.ask("POST", "/selftests", told)

    def lease(self) -> Json:
        answer = self.ask("POST", "/leases", {"agents": ["dva"]}).json()
        if answer["idle"] and answer["idle"]["reason"] == "selftest_due":
            proven = self.prove(answer["idle"]["bundle"], answer["idle"]["bundle_url"])
            assert proven.json()["passed"]
            answer = self.ask("POST", "/leases", {"agents": ["dva"]}).json()
        found: Json = answer["leases"][0]
        return found

    def fetch(self, lease: Json) -> list[tuple[bytes, bytes]]:
        """Image and caption of each pair."""
        start, size = lease["span"]
        wanted = {"Range": f"bytes={start}-{start + size - 1}"}
        answer = self._http.get(lease["shard_url"], headers=wanted)
        assert answer.status_code == 206

        def part(span: list[int] | None) -> bytes:
            if span is None:
                return b""
            return answer.content[span[0] - start : span[0] - start + span[1]]

        return [(part(pair["image"]), part(pair["caption"])) for pair in lease["pairs"]]

    def result(self, lease: Json, scores: list[float]) -> Json:
        statuses, blob = bytes(len(scores)), struct.pack(f"<{len(scores)}f", *scores)
        names = [lease[name].encode() for name in ("lease", "unit", "bundle")]
        signed = said("dva result 1", *names, b"native", statuses, blob)
        return {
            "lease": lease["lease"],
            "bundle": lease["bundle"],
            "rung": "native",
            "device_class": "a stranger's",
            "statuses": text(statuses),
            "scores": text(blob),
            "signature": text(self.key.sign(signed)),
        }

    def post(self, lease: Json, result: Json) -> httpx.Response:
        return self.ask("POST", f"/leases/{lease['lease']}/result", result)

    def consent(self, label: str, about: str) -> Json:
        challenge = self.challenge()
        signature = self.account.sign(said(label, challenge, self.seen, about.encode()))
        return {"challenge": text(challenge), "signature": text(signature)}

    def revoke(self, device: str) -> httpx.Response:
        return self.ask(
            "POST", f"/me/devices/{device}/revoke", self.consent("dva revoke 2", device)
        )
