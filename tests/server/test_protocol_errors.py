"""Every way a request can be wrong, and what it is told; docs/protocol.md's table of codes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from dva_agent.protocol import (
    MAX_UNIT_PAIRS,
    PROTOCOL_HEADER,
    ROOT,
    Accepted,
    LeaseRequest,
    Result,
    decode,
    encode,
)
from flask import Flask
from sqlalchemy import update

from server import create_app, refusals, security
from server.config import Settings
from server.db import Database
from server.pools.models import Shard
from server.refusals import Refusal
from tests.keys import Keys
from tests.server.api import Api, problem, result_for

DOCUMENT = Path(__file__).parents[2] / "docs" / "protocol.md"
JSON = "application/json"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 9000, b'{"count": 1}']
)
def test_a_message_that_is_none(api: Api, body: bytes) -> None:
    for path in ("/devices", "/leases", "/leases/x/result"):
        problem(api.post(path, data=body, content_type=JSON), 400, "message_invalid")


@pytest.mark.parametrize(
    "change",
    [
        '"count": 0',
        '"count": 9',
        '"count": "1"',
        '"agents": []',
        '"pool": "../x"',
        '"pool": "x\\n"',
    ],
)
def test_a_field_that_is_out_of_range(api: Api, change: str) -> None:
    body = f'{{"agents": ["dva"], {change}}}'
    problem(api.post("/leases", data=body, content_type=JSON), 400, "message_invalid")


def test_fields_nobody_knows_are_ignored(api: Api) -> None:
    body = b'{"agents": ["dva"], "colour": "red"}'
    assert api.post("/leases", data=body, content_type=JSON).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_read(api: Api, kind: str) -> None:
    """A form of another site can't post JSON without asking first."""
    body = encode(LeaseRequest(agents=["dva"]))
    problem(api.post("/leases", data=body, content_type=kind), 415, "media_type_unsupported")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic eDp5", "bearer nobody", "\xff"])
def test_who_is_not_signed_in(api: Api, header: str) -> None:
    request = LeaseRequest(agents=["dva"])
    answer = api.post("/leases", request, token=None, headers={"Authorization": header})
    problem(answer, 401, "not_signed_in")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_addresses_that_lead_nowhere(api: Api, pool: str) -> None:
    bundle = api.status().pools[0].bundle
    for path in (
        "/nowhere",
        "/bundles/0/manifest.json",
        f"/bundles/{'0' * 32}/manifest.json",
        f"/bundles/{bundle}/",
        f"/bundles/{bundle}/nothing",
        f"/bundles/{bundle}/tokenizer/merges.txt.br",
        f"/bundles/{bundle}/../{bundle}/manifest.json",
        f"/bundles/{bundle}/..%2f..%2fdva.db",
        f"/bundles/{bundle}//etc/passwd",
        f"/pools/{pool}/shards/nothing.tar",
        f"/pools/{pool}/shards/00000",
        f"/pools/{pool}/shards/..%2f..%2f00000.tar",
        f"/pools/{pool}/truth.parquet",
        f"/pools/{pool}/shards/truth.parquet",
        f"/pools/{pool}/shards/00000.parquet",
        "/pools/nobody/shards/00000.tar",
        f"/pools/{pool}/shards/%00.tar",
        f"/pools/{pool}/shards/00000%00.tar",
        f"/pools/{pool}/shards/%ff.tar",
        "/pools/%00/shards/00000.tar",
        f"/pools/{pool}%00/shards/00000.tar",
        f"/bundles/{bundle}/%00",
        "/bundles/%00/manifest.json",
    ):
        problem(api.get(ROOT + path), 404, "not_found")


@pytest.mark.parametrize("what", ["heartbeat", "abandon", "result"])
@pytest.mark.parametrize("lease", ["%00", "{}%00", "%ff", "..", "x" * 5000])
def test_leases_that_cant_be(api: Api, pool: str, what: str, lease: str) -> None:
    held = api.lease().leases[0]
    path = f"/leases/{lease.format(held.lease)}/{what}"
    problem(api.post(path, result_for(held)), 404, "lease_unknown")


@pytest.mark.parametrize("path", ["/status", "/leases", "/devices"])
def test_methods_that_arent_there(api: Api, path: str) -> None:
    answer = api.client.put(ROOT + path)
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"]


def test_other_protocols_are_told_to_reload(api: Api) -> None:
    for path in ("/status", "/nowhere"):
        answer = api.client.get(ROOT + path, headers={PROTOCOL_HEADER: "1"})
        problem(answer, 426, "protocol_outdated")
    assert api.client.get(ROOT + "/status", headers={PROTOCOL_HEADER: "2"}).status_code == 200
    assert api.client.get("/", headers={PROTOCOL_HEADER: "1"}).status_code == 200


def test_bodies_that_are_too_large(api: Api) -> None:
    body = b" " * (security.MAX_BODY + 1)
    problem(api.post("/leases", data=body, content_type=JSON), 413, "body_too_large")


def test_the_largest_result_is_not_too_large() -> None:
    result = Result(
        lease="f" * 32,
        bundle="f" * 32,
        rung="webgpu-f16",
        device_class="\u0001" * 200,
        statuses=bytes(MAX_UNIT_PAIRS),
        scores=bytes(4 * MAX_UNIT_PAIRS),
        signature=bytes(64),
        more=8,
    )
    assert len(encode(result)) <= security.MAX_BODY
    assert decode(encode(result), Result) == result


def test_text_that_no_database_takes(api: Api, pool: str) -> None:
    """PostgreSQL has no NUL in text, and nothing has lone surrogates."""
    lease = api.lease().leases[0]
    assert api.prove(lease.bundle, device_class="a\0b")
    answer = api.post_result(lease, result_for(lease, device_class="a\0b"))
    assert decode(answer.data, Accepted).pairs_scored == len(lease.pairs)
    body = encode(Keys().registration(api.challenge()))
    for text, hostile in ((b'"test"', b'"\\ud800"'), (b'"1"', b'"\\u0000"')):
        assert body.count(text) == 1
        body = body.replace(text, hostile)
    answer = api.post("/devices", data=body, content_type=JSON)
    assert answer.status_code in (201, 400)


def test_faults_tell_nothing_but_that_they_are_faults(
    app: Flask, api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise RuntimeError("secret")

    app.view_functions["work.status"] = fail  # type: ignore[assignment]
    answer = api.get(ROOT + "/status")
    problem(answer, 500, "server_error")
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text
    assert "secret" in caplog.text


def test_a_database_that_is_away_is_worth_waiting_for(settings: Settings, api: Api) -> None:
    gone = Database("sqlite:////nowhere/dva.db")
    client = create_app(settings, gone).test_client()
    problem(client.get(ROOT + "/status"), 503, "busy")
    gone.close()


def test_a_shard_that_changed_is_not_served(
    api: Api, pool: str, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    url = api.lease().leases[0].shard_url
    assert api.get(url).status_code == 200
    for change in ({"size": 1}, {"path": "/nowhere/00000.tar"}):
        with database.write() as session:
            session.execute(update(Shard).values(**change))
        problem(api.get(url), 503, "shard_unavailable")
    assert "/nowhere/00000.tar" in caplog.text


def test_the_document_lists_every_code() -> None:
    table = DOCUMENT.read_text().split("## Codes")[1]
    rows = re.findall(r"^\| (`.*?`) \| (\d+) \|", table, re.MULTILINE)
    listed = {
        (code, int(status)) for codes, status in rows for code in re.findall(r"`(\w+)`", codes)
    }
    kinds: list[type[Refusal]] = [Refusal]
    for kind in kinds:
        kinds += kind.__subclasses__()
    ours = {(code, int(kind.status)) for kind in kinds[1:] for code in kind.codes()}
    assert ours == listed
    assert refusals.__doc__
    for kind in kinds:
        assert kind.__name__ in refusals.__doc__
