"""A device, talking to the app by the protocol's own messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest
from dva_agent.protocol import (
    ROOT,
    Accepted,
    Challenge,
    Device,
    Lease,
    LeaseRequest,
    Leases,
    Message,
    Problem,
    Result,
    Rung,
    ServerStatus,
    decode,
    encode,
    pack_scores,
)
from dva_agent.readiness import SelfTest
from dva_agent.readiness import SelfTestVerdict as Verdict
from flask import Flask
from werkzeug.test import TestResponse

from tests.keys import Keys
from tests.server.pool_factory import GOLDEN_SCORES

M = TypeVar("M", bound=Message)

UNSIGNED = bytes(64)


class Api:
    def __init__(self, app: Flask, keys: Keys | None = None) -> None:
        self.client = app.test_client()
        self.keys = keys or Keys()
        self.units: dict[str, str] = {}
        self.device = self.register()

    def challenge(self) -> bytes:
        return self.ok(self.post("/challenges", token=None), Challenge).challenge

    def register(self) -> Device:
        registration = self.keys.registration(self.challenge())
        return self.ok(self.post("/devices", registration, token=None), Device, 201)

    def twin(self, app: Flask) -> Api:
        """The same device, for another thread."""
        other = Api.__new__(Api)
        other.client, other.keys = app.test_client(), self.keys
        other.device, other.units = self.device, self.units
        return other

    def get(self, address: str, **headers: str) -> TestResponse:
        """`address` is whole, as leases give it. `if_range` means the header If-Range."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(address, headers=named, buffered=True)

    def post(
        self,
        path: str,
        message: Message | None = None,
        *,
        token: str | None = "own",
        **options: Any,
    ) -> TestResponse:
        """A result for one of its leases is signed, if it isn't yet; a self-test that has to come
        before leases is posted."""
        headers = options.pop("headers", {})
        if isinstance(message, Result) and message.signature == UNSIGNED:
            message = self.signed(message)
        if token is not None:
            token = self.device.token if token == "own" else token
            headers = {"Authorization": f"Bearer {token}", **headers}
        if message is not None:
            options = {"data": encode(message), "content_type": "application/json", **options}
        answer = self.client.post(ROOT + path, headers=headers, **options)
        if isinstance(message, LeaseRequest) and (bundle := untested(answer)):
            scores = pack_scores(self.golden_scores(bundle))
            test = selftest_of(bundle, scores=scores, device_class=self.keys.device_class)
            told = {**options, "data": encode(test)}
            assert self.client.post(ROOT + "/selftests", headers=headers, **told).status_code == 200
            answer = self.client.post(ROOT + path, headers=headers, **options)
        return answer

    def lease(self, count: int = 1, **fields: Any) -> Leases:
        request = LeaseRequest(agents=["dva"], count=count, **fields)
        answer = self.ok(self.post("/leases", request), Leases)
        self.know(answer.leases)
        return answer

    def golden_scores(self, bundle: str) -> list[float]:
        """What the bundle's own files say that its golden pairs come to."""
        root = f"{ROOT}/bundles/{bundle}/"
        manifest = decode_manifest(self.get(root + MANIFEST).data)
        golden = decode_golden(self.get(root + manifest.golden_path).data, manifest)
        return [pair.expected["f32"].score for pair in golden.pairs]

    def prove(self, bundle: str, rung: Rung = "native", **changes: Any) -> bool:
        """A self-test that comes out right, if `changes` don't make it wrong."""
        told = selftest_of(bundle, rung, **changes)
        return self.ok(self.post("/selftests", told), Verdict).passed

    def know(self, leases: Sequence[Lease]) -> None:
        """Their results can be signed from now on."""
        self.units.update((lease.lease, lease.unit) for lease in leases)

    def signed(self, result: Result) -> Result:
        unit = self.units.get(result.lease)
        if unit is None:
            return result
        return msgspec.structs.replace(result, signature=self.keys.signature(result, unit))

    def finish(self, lease: Lease, more: int = 0) -> Accepted:
        answer = self.ok(self.post_result(lease, result_for(lease, more=more)), Accepted)
        self.know(answer.next.leases if answer.next else [])
        return answer

    def post_result(self, lease: Lease, result: Result, **options: Any) -> TestResponse:
        self.know([lease])
        return self.post(f"/leases/{lease.lease}/result", result, **options)

    def status(self) -> ServerStatus:
        return self.ok(self.get(ROOT + "/status"), ServerStatus)

    @staticmethod
    def ok(response: TestResponse, kind: type[M], status: int = 200) -> M:
        assert response.status_code == status, response.text
        assert response.mimetype == "application/json"
        return decode(response.data, kind)


def problem(response: TestResponse, status: int, code: str) -> Problem:
    """Checks that the answer is this problem, told as docs/protocol.md says."""
    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    found = decode(response.data, Problem)
    assert (found.status, found.code) == (status, code), found
    assert found.detail
    assert found.next_step
    if status in (429, 503):
        assert found.retry_after_s is not None
        assert int(response.headers["Retry-After"]) == found.retry_after_s
    return found


def untested(answer: TestResponse) -> str | None:
    """The bundle that an answer to a LeaseRequest wants a self-test of."""
    idle = decode(answer.data, Leases).idle if answer.status_code == 200 else None
    return idle.bundle if idle else None


def selftest_of(bundle: str, rung: Rung = "native", **changes: Any) -> SelfTest:
    """A self-test of a bundle of pool_factory's that comes out right."""
    fields: dict[str, Any] = {
        "bundle": bundle,
        "rung": rung,
        "device_class": "test",
        "browser": "none",
        "sound": True,
        "scores": pack_scores(GOLDEN_SCORES),
    }
    return SelfTest(**{**fields, **changes})


def result_for(lease: Lease, **changes: Any) -> Result:
    """A result that is right in form: each score tells the lease's pair it belongs to."""
    scores = [int(pair.uid[:4], 16) / 65536 for pair in lease.pairs]
    fields: dict[str, Any] = {
        "lease": lease.lease,
        "bundle": lease.bundle,
        "rung": "native",
        "device_class": "test",
        "statuses": bytes(len(scores)),
        "scores": pack_scores(scores),
        "signature": UNSIGNED,
    }
    return Result(**{**fields, **changes})
