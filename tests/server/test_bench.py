"""`dva bench page`: what is counted, and what is said where nothing can be measured."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from server.bench.page import Bar, bench_page
from server.bench.tap import Exchange, exchange_of, tap
from server.bench.visit import summed_up
from server.errors import BenchError

MARKS = {
    "usable": 0.5,
    "pressed": 0.6,
    "booting": 0.7,
    "starting": 2.0,
    "testing": 3.0,
    "running": 4.5,
}


class Hello(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b"x" * 100_000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        del arguments


@pytest.fixture
def hello() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hello) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_bytes_are_counted_by_request(hello: int) -> None:
    with tap(hello) as wire:
        connection = http.client.HTTPConnection("127.0.0.1", wire.port)
        for method, path, body in (("GET", "/a?b=c", b""), ("POST", "/d", b"y" * 5000)):
            connection.request(method, path, body or None)
            connection.getresponse().read()
        connection.close()
        first, second = wire.take()
        assert wire.take() == []
    assert (first.method, first.path, second.method, second.path) == ("GET", "/a", "POST", "/d")
    assert 100_000 < first.received < 101_000
    assert 5000 < second.sent < 6000
    assert second.received < 1000
    assert first.began <= first.ended <= second.ended


def test_a_first_line_that_is_none() -> None:
    assert exchange_of(b"\x16\x03", 1.0).path == ""


def test_pictures_are_counted_apart() -> None:
    page = Exchange(method="GET", path="/", began=0, ended=0, sent=10, received=90)
    shard = Exchange(method="GET", path="/x/00000.tar", began=0, ended=0, sent=1, received=999)
    found = summed_up(MARKS, [page, shard, page])
    assert (found.requests, found.picture_requests) == (3, 1)
    assert (found.bytes, found.picture_bytes, found.bytes_beside_pictures) == (1200, 1000, 200)
    assert found.heaviest == {"/": 200}
    assert (found.page_usable_s, found.first_score_s) == (0.5, 4.5)
    assert found.phases_s["python_started"] == pytest.approx(1.3)


def test_a_page_that_never_got_that_far() -> None:
    marks = {name: at for name, at in MARKS.items() if name != "running"}
    with pytest.raises(BenchError, match="never was running"):
        summed_up(marks, [])


def test_bars_hold_up_to_their_limit() -> None:
    assert Bar(name="x", found=8.0, limit=8.0).holds
    assert not Bar(name="x", found=8.01, limit=8.0).holds


@pytest.mark.parametrize("address", ["https://127.0.0.1:1", "http://example.org", "nonsense"])
def test_only_servers_of_this_machine(address: str) -> None:
    with pytest.raises(BenchError, match="no server of this machine"):
        bench_page(server=address, rung="wasm", runs=1, say=lambda line: None)
