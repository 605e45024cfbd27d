"""What the server says about itself: health, metrics, logs, request ids."""

from __future__ import annotations

import dataclasses
import json
import logging
import re
import socket
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from alembic.script import ScriptDirectory
from dva_agent.protocol import ROOT
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import func, select, text, update

from server import create_app
from server.config import Settings
from server.db import Database, now
from server.errors import SettingsError
from server.logs import JsonLines
from server.results import services as results
from server.work import services as work
from server.work.models import Lease
from tests.server.api import Api, problem
from tests.server.process import Server


def numbers(body: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(body)
        for sample in family.samples
    }


def number(api: Api, name: str, **labels: str) -> float:
    return numbers(api.get("/metrics").text).get((name, frozenset(labels.items())), 0)


def test_the_process_answers_even_without_a_database(settings: Settings) -> None:
    gone = Database("sqlite:////nowhere/dva.db")
    client = create_app(settings, gone).test_client()
    assert (client.get("/healthz").status_code, client.get("/healthz").text) == (200, "ok\n")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["ready"] is False
    assert answer.json["checks"]["database"] == "unreachable"
    gone.close()


def test_ready_is_who_can_work(
    app: Flask, pool: str, settings: Settings, database: Database
) -> None:
    client = app.test_client()
    fine = {"database": "ok", "schema": "ok", "bundles": "ok"}
    assert client.get("/readyz").json == {"ready": True, "checks": fine}
    [folder] = settings.bundles.iterdir()
    (folder / "text.onnx").rename(folder / "moved")
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (503, {**fine, "bundles": "unreadable"})
    (folder / "moved").rename(folder / "text.onnx")
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["checks"]) == (
        503,
        {**fine, "schema": "not up to date"},
    )


def test_whether_it_is_ready_is_told_without_loading_the_migrations_again(
    app: Flask, pool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = app.test_client()
    assert client.get("/readyz").status_code == 200
    monkeypatch.delattr(ScriptDirectory, "get_current_head")
    assert client.get("/readyz").status_code == 200


def test_metrics_count_what_happens(app: Flask, api: Api, pool: str, database: Database) -> None:
    route = f"{ROOT}/leases/<lease>/result"
    stored = {"method": "POST", "route": route, "status": "200"}
    before = number(api, "dva_requests_total", **stored)
    nowhere = {"method": "other", "route": "none", "status": "404"}
    unknown = number(api, "dva_requests_total", **nowhere)
    first, second, third = api.lease(3).leases
    api.finish(first)
    api.post(f"/leases/{second.lease}/abandon")
    app.test_client().open("/x", method="BREW")
    assert number(api, "dva_requests_total", **stored) == before + 1
    assert number(api, "dva_requests_total", **nowhere) == unknown + 1
    assert number(api, "dva_request_seconds_count", route=route) >= 1
    assert number(api, "dva_results", pool=pool) == 1
    assert number(api, "dva_pairs", pool=pool) == len(first.pairs)
    for state, units in {"open": 3, "leased": 1, "done": 1}.items():
        assert number(api, "dva_units", pool=pool, state=state) == units
    with database.write() as session:
        late = update(Lease).where(Lease.id == third.lease)
        session.execute(late.values(deadline=now() - timedelta(seconds=1)))
    api.lease()
    for state in ("held", "done", "abandoned", "expired"):
        assert number(api, "dva_leases", state=state) == 1
    assert api.device.device not in api.get("/metrics").text


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_what_may_fall_is_a_gauge(api: Api, pool: str, database: Database) -> None:
    """To Prometheus a counter that falls has begun again from 0: its rate would leap."""
    api.finish(api.lease().leases[0])
    assert number(api, "dva_results", pool=pool) == 1
    shown = text_string_to_metric_families(api.get("/metrics").text)
    kinds = {family.name: family.type for family in shown if family.name != "dva_requests"}
    assert kinds.pop("dva_request_seconds") == "histogram"
    assert set(kinds.values()) == {"gauge"}
    with database.write() as session:
        [(result, _)] = results.pending_of(session, [api.device.device])
        results.reject(session, result)
    assert (number(api, "dva_results", pool=pool), number(api, "dva_pairs", pool=pool)) == (0, 0)


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "192.0.2.1"}, 403),
        ("127.0.0.1", {"Forwarded": "for=192.0.2.1"}, 403),
        ("192.0.2.1", {}, 403),
        ("192.0.2.1", {"Authorization": "Bearer wrong"}, 403),
        ("192.0.2.1", {"Authorization": "Bearer \u00ff"}, 403),
        ("192.0.2.1", {"Authorization": "Bearer 0123456789abcdef"}, 200),
    ],
)
@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_who_may_read_metrics(
    settings: Settings, database: Database, address: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(dataclasses.replace(settings, metrics_token="0123456789abcdef"), database)
    answer = app.test_client().get(
        "/metrics", headers=headers, environ_base={"REMOTE_ADDR": address}
    )
    assert answer.status_code == status


def test_without_a_token_nobody_has_the_right_one(app: Flask) -> None:
    for header in ("Bearer ", "Bearer"):
        answer = app.test_client().get(
            "/metrics",
            headers={"Authorization": header},
            environ_base={"REMOTE_ADDR": "192.0.2.1"},
        )
        assert answer.status_code == 403
    with pytest.raises(SettingsError):
        Settings(metrics_token="short")


@pytest.mark.parametrize("given", ["abc-1.2_3", "x" * 64])
def test_a_proxys_request_id_is_taken_over(api: Api, given: str) -> None:
    answer = api.get(ROOT + "/nowhere", X_Request_ID=given)
    assert answer.headers["X-Request-ID"] == given
    assert problem(answer, 404, "not_found").request_id == given
    assert api.get("/", X_Request_ID=given).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "<script>", '"', "\u00e9", "{}"])
def test_a_hostile_one_is_not(api: Api, given: str) -> None:
    answer = api.get(ROOT + "/nowhere", X_Request_ID=given)
    own = answer.headers["X-Request-ID"]
    assert re.fullmatch("[0-9a-f]{32}", own)
    assert problem(answer, 404, "not_found").request_id == own
    assert api.get(ROOT + "/nowhere").headers["X-Request-ID"] != own


def test_leases_that_came_to_nothing_are_forgotten(api: Api, pool: str, database: Database) -> None:
    def count() -> int:
        with database.read() as session:
            return session.scalar(select(func.count()).select_from(Lease)) or 0

    for _ in range(3):
        api.post(f"/leases/{api.lease().leases[0].lease}/abandon")
    api.finish(api.lease().leases[0])
    assert count() == 4
    with database.write() as session:
        work.forget(session, now())
    assert count() == 4
    with database.write() as session:
        work.forget(session, now() + work.ENDED_KEPT + timedelta(hours=1))
    assert count() == 1
    assert len(api.lease(8).leases) == 4


def test_a_line_of_the_log_is_json() -> None:
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, 'a "b"\n%s', ("c",), None)
    record.__dict__.update(request_id="r1", fields={"status": 500, "path": Path("/x")})
    line = JsonLines().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["time"].endswith("+00:00")
    del told["time"]
    assert told == {
        "level": "error",
        "logger": "x",
        "message": 'a "b"\nc',
        "request_id": "r1",
        "status": 500,
        "path": "/x",
    }


def test_workers_count_together_and_log_in_json(tmp_path: Path) -> None:
    data = tmp_path / "data"
    server = Server(Settings(data=data, workers=2, log_level="info"))
    for number in range(20):
        # A connection of its own each: either worker may take it.
        httpx.get(server.url + ROOT + "/status", headers={"X-Request-ID": f"r{number}"})
    labels = {"method": "GET", "route": f"{ROOT}/status", "status": "200"}
    key = ("dva_requests_total", frozenset(labels.items()))
    for _ in range(5):
        assert numbers(httpx.get(server.url + "/metrics").text)[key] == 20
    assert httpx.get(server.url + "/readyz").json()["ready"] is True
    code, errors = server.stop()
    assert code == 0
    assert list((data / "metrics").iterdir()) == []
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    seen = {line.get("request_id"): line for line in lines if line["logger"] == "server.access"}
    assert {f"r{number}" for number in range(20)} <= set(seen)
    assert (seen["r3"]["status"], seen["r3"]["route"]) == (200, f"{ROOT}/status")
    assert {"gunicorn.error"} <= {line["logger"] for line in lines}
    assert "127.0.0.1" not in json.dumps(list(seen.values()))


def test_a_request_that_cant_be_read_is_logged_without_who_sent_what(tmp_path: Path) -> None:
    server = Server(Settings(data=tmp_path / "data", log_format="json"))
    for sent in (b"Authorization bearer: s3cret", b"X-Odd: s3cret\0"):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n" + sent + b"\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 400")
    code, errors = server.stop()
    assert code == 0
    lines = [json.loads(line) for line in errors.splitlines() if line.startswith("{")]
    told = [line["message"] for line in lines if line["logger"] == "gunicorn.error"]
    assert told == [
        "Invalid request: Invalid HTTP header name",
        "Invalid request: Invalid HTTP Header",
    ]
    assert "s3cret" not in errors
    assert "127.0.0.1" not in errors
