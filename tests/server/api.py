"""A device, talking to the app by the protocol's own messages."""

from __future__ import annotations

from typing import Any, TypeVar

from dva_agent.protocol import (
    ROOT,
    Accepted,
    Device,
    Lease,
    LeaseRequest,
    Leases,
    Message,
    Problem,
    Registration,
    Result,
    ServerStatus,
    decode,
    encode,
    pack_scores,
)
from flask import Flask
from werkzeug.test import TestResponse

M = TypeVar("M", bound=Message)


class Api:
    def __init__(self, app: Flask) -> None:
        self.client = app.test_client()
        registration = Registration(platform="native", device_class="test", agent_version="1")
        self.device = self.ok(self.post("/devices", registration, token=None), Device, 201)

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
        headers = options.pop("headers", {})
        if token is not None:
            token = self.device.token if token == "own" else token
            headers = {"Authorization": f"Bearer {token}", **headers}
        if message is not None:
            options = {"data": encode(message), "content_type": "application/json", **options}
        return self.client.post(ROOT + path, headers=headers, **options)

    def lease(self, count: int = 1, **fields: Any) -> Leases:
        request = LeaseRequest(agents=["dva"], count=count, **fields)
        return self.ok(self.post("/leases", request), Leases)

    def finish(self, lease: Lease, more: int = 0) -> Accepted:
        return self.ok(self.post_result(lease, result_for(lease, more=more)), Accepted)

    def post_result(self, lease: Lease, result: Result, **options: Any) -> TestResponse:
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
    }
    return Result(**{**fields, **changes})
