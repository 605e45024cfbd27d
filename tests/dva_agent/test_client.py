from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import msgspec
import pytest
from dva_agent.answer import MAX_RETRY_S, Answer, error_of
from dva_agent.client import ServerClient
from dva_agent.discovery import AGENTS
from dva_agent.errors import (
    Busy,
    DvaError,
    MessageError,
    Outdated,
    Refused,
    ServerError,
    Unreachable,
)
from dva_agent.protocol import (
    Lease,
    LeaseRequest,
    PairRef,
    Result,
    Span,
    decode,
    pack_scores,
)

from tests.keys import Keys


class Script:
    """A Transport that plays answers and errors, and keeps the requests."""

    def __init__(self, *steps: Answer | DvaError) -> None:
        self._steps = list(steps)
        self.requests: list[tuple[str, str, Mapping[str, str], bytes | None]] = []

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self.requests.append((method, url, headers, body))
        step = self._steps.pop(0)
        # As on a wire, others may ask before this one has its answer.
        await asyncio.sleep(0)
        if isinstance(step, DvaError):
            raise step
        return step


class Instant:
    """A clock on which waiting takes no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self.passed = 0.0

    def now(self) -> float:
        return self.passed + sum(self.slept)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def chance(self) -> float:
        return 0.0


def ok(body: str) -> Answer:
    return Answer(status=200, headers={}, body=body.encode())


ACCEPTED = ok('{"unit": "u1", "pairs_scored": 1}')
LEASE = Lease(
    lease="l1",
    unit="u1",
    pool="p1",
    agent="dva",
    bundle="0" * 32,
    bundle_url="/b/",
    shard_url="/s",
    span=Span(start=0, size=9),
    pairs=[PairRef(uid="x")],
    expires_in_s=60.0,
)
KEYS = Keys()
COLUMNS = AGENTS["dva"].columns
RESULT = Result(
    lease="l1",
    bundle="0" * 32,
    rung="native",
    device_class="test",
    statuses=b"\x00",
    scores=pack_scores([0.5]),
    signature=bytes(64),
)


def talk(
    script: Script, act: Callable[[ServerClient], Coroutine[Any, Any, Any]], token: str = "secret"
) -> tuple[Any, list[float]]:
    clock = Instant()
    told: list[tuple[ServerError, float]] = []

    def retrying(error: ServerError, seconds: float) -> None:
        told.append((error, seconds))

    client = ServerClient(
        transport=script,
        server="http://dva.test/",
        clock=clock,
        retrying=retrying,
        identity=KEYS.identity,
    )
    client.token = token
    outcome = asyncio.run(act(client))
    assert [seconds for _, seconds in told] == clock.slept
    return outcome, clock.slept


def test_a_result_is_repeated_byte_for_byte_until_it_is_answered() -> None:
    script = Script(
        Unreachable("off"),
        Answer(status=500, headers={}, body=b""),
        Answer(status=503, headers={"retry-after": "30"}, body=b"<html>"),
        ok("<html>a login page</html>"),
        ACCEPTED,
    )
    outcome, slept = talk(script, lambda client: client.submit(LEASE, RESULT, COLUMNS))
    assert outcome.unit == "u1"
    assert len({(url, body) for _, url, _, body in script.requests}) == 1
    assert slept == [0.5, 1.0, 30.0, 4.0]


def test_a_request_for_leases_keeps_its_identifier_while_it_is_repeated() -> None:
    lost = [Unreachable("off"), ok("half an ans"), ok('{"leases": []}')]
    script = Script(*lost, *lost)

    async def act(client: ServerClient) -> None:
        request = LeaseRequest(agents=["dva"], count=2)
        await client.lease(request)
        await client.lease(request)

    talk(script, act)
    sent = [decode(body or b"", LeaseRequest) for *_, body in script.requests]
    assert sent[0] == sent[1] == sent[2] != sent[3] == sent[4] == sent[5]
    assert {(each.count, each.request is None) for each in sent} == {(2, False)}


def test_headers() -> None:
    script = Script(ACCEPTED)
    talk(script, lambda client: client.submit(LEASE, RESULT, COLUMNS))
    method, url, headers, _ = script.requests[0]
    assert (method, url) == ("POST", "http://dva.test/api/v1/leases/l1/result")
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Content-Type"] == "application/json"
    assert headers["DVA-Protocol"] == "2"


def test_the_token_stays_with_the_server() -> None:
    script = Script(Refused("gone", status=404))
    with pytest.raises(Refused):
        talk(script, lambda client: client.manifest("https://mirror.test/api/v1/bundle/"))
    assert "Authorization" not in script.requests[0][2]


CHALLENGE = Answer(
    status=200,
    headers={},
    body=b'{"challenge": "' + base64.b64encode(bytes(56)) + b'", "expires_in_s": 300}',
)


def device(token: str) -> Answer:
    body = {"device": "d1", "contributor": "c1", "token": token * 40, "expires_in_s": 3600}
    return Answer(status=201, headers={}, body=msgspec.json.encode(body))


def refused(status: int, code: str) -> Answer:
    body = {"type": "", "title": "", "status": status, "code": code, "detail": ""}
    return Answer(status=status, headers={}, body=msgspec.json.encode(body))


async def register_and_abandon(client: ServerClient) -> None:
    await client.register(platform="native", device_class="x")
    await client.abandon("l1")


def test_the_new_token_is_used_from_then_on() -> None:
    script = Script(CHALLENGE, device("t"), Answer(status=204, headers={}, body=b""))
    talk(script, register_and_abandon, token="")
    assert "Authorization" not in script.requests[1][2]
    assert script.requests[2][2]["Authorization"] == f"Bearer {'t' * 40}"


def test_a_challenge_that_grew_old_is_answered_anew() -> None:
    script = Script(
        *(CHALLENGE, refused(422, "challenge_invalid")),
        *(CHALLENGE, device("t"), Answer(status=204, headers={}, body=b"")),
    )
    talk(script, register_and_abandon, token="")
    assert not script._steps


def test_a_token_that_ended_is_renewed_once_and_the_request_repeated() -> None:
    session = ok(f'{{"token": "{"u" * 40}", "expires_in_s": 3600}}')
    none = Answer(status=204, headers={}, body=b"")
    ended = refused(401, "token_expired")
    script = Script(CHALLENGE, device("t"), ended, ended, CHALLENGE, session, none, none)

    async def act(client: ServerClient) -> None:
        await client.register(platform="native", device_class="x")
        await asyncio.gather(client.abandon("l1"), client.abandon("l2"))

    talk(script, act, token="")
    paths = [url.rpartition("/v1")[2] for _, url, _, _ in script.requests]
    assert paths.count("/sessions") == 1
    assert sorted(paths[-2:]) == ["/leases/l1/abandon", "/leases/l2/abandon"]
    assert script.requests[-1][2]["Authorization"] == f"Bearer {'u' * 40}"


def test_a_token_that_ends_soon_is_renewed_once_before_anything_is_refused() -> None:
    session = ok(f'{{"token": "{"u" * 40}", "expires_in_s": 3600}}')
    none = Answer(status=204, headers={}, body=b"")
    script = Script(CHALLENGE, device("t"), none, CHALLENGE, session, none, none)

    async def act(client: ServerClient) -> None:
        clock = client._clock
        assert isinstance(clock, Instant)
        known = await client.register(platform="native", device_class="x")
        clock.passed = known.expires_in_s * 0.89
        await client.abandon("l1")
        clock.passed = known.expires_in_s * 0.99
        await asyncio.gather(client.abandon("l2"), client.abandon("l3"))

    talk(script, act, token="")
    paths = [url.rpartition("/v1")[2] for _, url, _, _ in script.requests]
    assert paths[2:5] == ["/leases/l1/abandon", "/challenges", "/sessions"]
    assert sorted(paths[5:]) == ["/leases/l2/abandon", "/leases/l3/abandon"]
    assert script.requests[-1][2]["Authorization"] == f"Bearer {'u' * 40}"


def test_a_challenge_that_is_refused_for_its_token_renews_none() -> None:
    """No server should; but the renewal that it is asked for must not wait for itself."""
    ended = refused(401, "token_expired")
    script = Script(CHALLENGE, device("t"), ended, ended)
    with pytest.raises(Refused) as caught:
        talk(script, register_and_abandon, token="")
    assert caught.value.code == "token_expired"


def test_who_is_revoked_isnt_renewed() -> None:
    script = Script(CHALLENGE, device("t"), refused(401, "device_revoked"))
    with pytest.raises(Refused) as caught:
        talk(script, register_and_abandon, token="")
    assert caught.value.code == "device_revoked"


@pytest.mark.parametrize(
    "change",
    [
        {"scores": pack_scores([0.5, 0.5])},
        {"scores": pack_scores([float("nan")])},
        {"scores": pack_scores([1.5])},
        {"statuses": b"\x02"},
        {"statuses": b"\x63"},
    ],
)
def test_a_result_that_breaks_the_rules_is_never_sent(change: dict[str, bytes]) -> None:
    script = Script()
    wrong = msgspec.structs.replace(RESULT, **change)
    with pytest.raises(MessageError):
        talk(script, lambda client: client.submit(LEASE, wrong, COLUMNS))
    assert script.requests == []


def test_what_will_not_pass_is_not_repeated() -> None:
    body = (
        b'{"type": "about:blank", "title": "", "status": 409, "code": "lease_expired",'
        b' "detail": "Too late.", "next_step": "Ask for another."}'
    )
    script = Script(Answer(status=409, headers={}, body=body))
    with pytest.raises(Refused) as caught:
        talk(script, lambda client: client.submit(LEASE, RESULT, COLUMNS))
    assert (caught.value.code, str(caught.value)) == ("lease_expired", "Too late.")
    assert caught.value.next_step == "Ask for another."
    script = Script(Answer(status=426, headers={}, body=b"{}"))
    with pytest.raises(Outdated):
        talk(script, lambda client: client.status())


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Answer(status=429, headers={"retry-after": "7"}, body=b""), 7.0),
        (Answer(status=503, headers={}, body=b""), 5.0),
        (Answer(status=503, headers={"retry-after": "Fri, 99 Dec 1999"}, body=b""), 5.0),
        (Answer(status=503, headers={"retry-after": "soon"}, body=b""), 5.0),
        (Answer(status=503, headers={"retry-after": "9" * 5000}, body=b""), MAX_RETRY_S),
        (
            Answer(
                status=503,
                headers={
                    "date": "Fri, 31 Dec 1999 23:59:59 GMT",
                    "retry-after": "Sat, 01 Jan 2000 00:00:09 GMT",
                },
                body=b"",
            ),
            10.0,
        ),
        (
            Answer(
                status=429,
                headers={
                    "date": "Fri, 31 Dec 1999 23:59:59 GMT",
                    "retry-after": "Fri, 31 Dec 1999 23:00:00 GMT",
                },
                body=b"",
            ),
            0.0,
        ),
        (
            Answer(
                status=429,
                headers={"date": "yesterday", "retry-after": "Sat, 01 Jan 2000 00:00:09 GMT"},
                body=b"",
            ),
            0.0,
        ),
        (Answer(status=503, headers={"retry-after": "-3"}, body=b""), 5.0),
        (Answer(status=503, headers={"retry-after": "99999999"}, body=b""), MAX_RETRY_S),
        (
            Answer(
                status=429,
                headers={"retry-after": "7"},
                body=b'{"type": "", "title": "", "status": 429, "code": "rate_limited",'
                b' "detail": "", "retry_after_s": 2.5}',
            ),
            2.5,
        ),
    ],
)
def test_how_long_a_server_may_send_us_away(answer: Answer, seconds: float) -> None:
    error = error_of(answer)
    assert isinstance(error, Busy)
    assert error.retry_after_s == seconds


def test_addresses_of_messages() -> None:
    client = ServerClient(
        transport=Script(),
        server="http://dva.test",
        clock=Instant(),
        retrying=lambda *_: None,
        identity=KEYS.identity,
    )
    assert client.absolute("/api/v1/x") == "http://dva.test/api/v1/x"
    assert client.absolute("https://cdn.test/x") == "https://cdn.test/x"
