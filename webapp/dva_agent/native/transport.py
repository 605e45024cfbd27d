"""The wire, over httpx."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from dva_agent.answer import Answer, error_of
from dva_agent.errors import Refused, Unreachable
from dva_agent.protocol import Span

MAX_MESSAGE_BYTES = 64 << 20
"""Eight leases of 4,096 pairs are a tenth of it."""

MAX_REDIRECTS = 3
_TIMEOUT = httpx.Timeout(30.0, connect=10.0)


class HttpTransport:
    """Implements client.Transport, and fetches blobs and files beside."""

    def __init__(self) -> None:
        self._http = httpx.AsyncClient(timeout=_TIMEOUT, max_redirects=MAX_REDIRECTS)

    async def request(
        self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        """See client.Transport."""
        async with self._answer(method, url, headers=headers, body=body) as answer:
            content = await _read(answer, MAX_MESSAGE_BYTES)
        return Answer(status=answer.status_code, headers=_lower(answer), body=content)

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        """A GET's body of at most `limit` bytes, exactly the span's if there is one. Goes where it
        is sent: what is refused there may yet come from who sent it, so that is Unreachable.
        Raises ServerError."""
        headers = {"Accept-Encoding": "identity"} if span else {}
        if span:
            if span.size == 0:
                return b""
            if span.size > limit:
                raise _refused(url, f"{span.size:,} bytes are more than the limit, {limit:,}")
            headers["Range"] = f"bytes={span.start}-{span.start + span.size - 1}"
            limit = span.size
        async with self._answer("GET", url, headers=headers, body=None, follow=True) as answer:
            if answer.history and answer.status_code != (206 if span else 200):
                raise Unreachable(f"{answer.url.host} answers with {answer.status_code}.")
            await _check(answer)
            body = await _read(answer, limit)
        if span and (answer.status_code != 206 or len(body) != span.size):
            raise _refused(url, f"asked for {span.size:,} bytes, got {len(body):,}")
        return body

    async def stream(self, url: str) -> AsyncIterator[bytes]:
        """A GET's body in pieces. Raises ServerError."""
        async with self._answer("GET", url, headers={}, body=None) as answer:
            await _check(answer)
            async for piece in answer.aiter_bytes():
                yield piece

    async def close(self) -> None:
        """Close idle connections."""
        await self._http.aclose()

    @asynccontextmanager
    async def _answer(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        follow: bool = False,
    ) -> AsyncIterator[httpx.Response]:
        try:
            async with self._http.stream(
                method, url, headers=headers, content=body, follow_redirects=follow
            ) as answer:
                yield answer
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise Unreachable(f"{httpx.URL(url).host} does not answer: {reason}") from error
        except httpx.InvalidURL as error:
            raise _refused(url, f"not an address: {error}") from error


async def _check(answer: httpx.Response) -> None:
    if not answer.is_success:
        body = await _read(answer, MAX_MESSAGE_BYTES)
        raise error_of(Answer(status=answer.status_code, headers=_lower(answer), body=body))


async def _read(answer: httpx.Response, limit: int) -> bytes:
    """The body; Refused as soon as it is longer than `limit`."""
    body = bytearray()
    async for piece in answer.aiter_bytes():
        body += piece
        if len(body) > limit:
            raise _refused(str(answer.url), f"the answer is longer than {limit:,} bytes")
    return bytes(body)


def _lower(answer: httpx.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _refused(url: str, why: str) -> Refused:
    return Refused(f"{url}: {why}.", code="range_invalid", status=416)
