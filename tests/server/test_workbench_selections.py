"""Selections: jobs, files, publishing and deleting them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from flask import Flask

from server.admin import log
from server.config import Settings
from server.db import Database, now
from server.pools import services as pools
from server.selection import certificate, outputs
from server.selection.cut import Cut
from server.selection.cutting import Terms
from server.selection.filters import Filters
from server.selection.verify import verify
from server.workbench import folders, services
from server.workbench.services import Ask
from tests.server.api import Api
from tests.server.operator_pages import NAME, Operator, logged, said
from tests.server.workbench_pool import (
    BENCH,
    score_all,
    selected,
    signed_in,
    with_operator,
)


@pytest.fixture
def app(settings: Settings, database: Database, cheap_passwords: None) -> Flask:
    return with_operator(settings, database)


@pytest.fixture
def operator(app: Flask) -> Operator:
    return signed_in(app)


@pytest.fixture
def scored(api: Api, pool: str, database: Database, settings: Settings) -> dict[str, float]:
    """uid -> score of 16 pairs, those of the first unit confirmed, and a snapshot of them."""
    return score_all(api, database, settings)


def test_files_come_whole_and_as_one_tar(
    operator: Operator,
    scored: dict[str, float],
    database: Database,
    settings: Settings,
    tmp_path: Path,
) -> None:
    job = selected(database, settings)
    folder = folders.selection(settings, "test", job)
    for name in ("members.npy", "members.parquet", "certificate.json"):
        answer = operator.ask("GET", f"{BENCH}/selections/{job}/{name}", buffered=True)
        assert answer.data == (folder / name).read_bytes()
        assert f"test-the-best-{job}-{name}" in answer.headers["Content-Disposition"]
    for name in ("scores", "..%2Fx", ".json", "x"):
        assert operator.get(f"{BENCH}/selections/{job}/{name}").status_code == 404
    answer = operator.get(f"{BENCH}/selections/{job}/all.tar")
    assert answer.content_length == len(answer.data)
    with tarfile.open(fileobj=io.BytesIO(answer.data)) as tar:
        tar.extractall(tmp_path / "out", filter="data")
    assert verify(tmp_path / "out" / f"test-the-best-{job}").cut_again
    for other in (job + 1, 10**30):
        assert operator.get(f"{BENCH}/selections/{other}/all.tar").status_code == 404


def test_what_is_published_anybody_can_check(
    operator: Operator, app: Flask, scored: dict[str, float], database: Database, settings: Settings
) -> None:
    job = selected(database, settings, name="<b>best</b>")
    path = folders.selection(settings, "test", job) / certificate.NAME
    with database.read() as session:
        digest = services.selection_of(session, job).digest
    anybody = app.test_client()
    assert anybody.get(f"/selections/{digest}").status_code == 404
    assert operator.act(f"{BENCH}/selections/{job}/publish").status_code == 303
    page = anybody.get(f"/selections/{digest}")
    assert page.status_code == 200
    assert "&lt;b&gt;best" in page.text
    assert digest in page.text
    assert NAME not in page.text
    npy = outputs.facts(path.with_name("members.npy")).sha256
    assert npy in page.text
    sent = anybody.get(f"/selections/{digest}/certificate.json", buffered=True)
    assert sent.data == path.read_bytes()
    assert anybody.get(f"/selections/{'0' * 64}").status_code == 404
    assert anybody.get("/selections/..%2Fx").status_code == 404
    assert operator.act(f"{BENCH}/selections/{job}/unpublish").status_code == 303
    assert anybody.get(f"/selections/{digest}/certificate.json").status_code == 404
    with database.read() as session:
        entries = log.entries(session)
    assert [entry.action for entry in entries[:2]] == [
        "selection unpublished",
        "selection published",
    ]
    assert entries[0].detail["digest"] == digest


def test_a_published_certificate_is_decoded_once(
    operator: Operator,
    app: Flask,
    scored: dict[str, float],
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often anybody asks; until it is another file, or none."""
    job = selected(database, settings)
    operator.act(f"{BENCH}/selections/{job}/publish")
    with database.read() as session:
        digest = services.selection_of(session, job).digest
    path = folders.selection(settings, "test", job) / certificate.NAME
    pages = app.test_client()
    first = pages.get(f"/selections/{digest}")
    with monkeypatch.context() as patch:
        patch.delattr(certificate, "encode")
        assert pages.get(f"/selections/{digest}").text == first.text
    path.write_bytes(path.read_bytes() + b" ")
    assert pages.get(f"/selections/{digest}").status_code == 404
    path.unlink()
    assert pages.get(f"/selections/{digest}").status_code == 404


def test_everybody_is_told_what_a_published_cut_is_of(
    operator: Operator, app: Flask, scored: dict[str, float], database: Database, settings: Settings
) -> None:
    """A share of what filters left is another one than of all."""
    long = Filters(caption_chars=(1, None))
    of_all, of_some = (
        selected(database, settings, terms=Terms(state="all", filters=filters, per=per))
        for filters, per in ((Filters(), None), (long, "shard"))
    )
    pages = []
    for job in (of_all, of_some):
        operator.act(f"{BENCH}/selections/{job}/publish")
        with database.read() as session:
            digest = services.selection_of(session, job).digest
        pages.append(app.test_client().get(f"/selections/{digest}").text)
    assert ["Left out first" in page for page in pages] == [False, True]
    assert "<code>caption_chars</code> took out 0" in pages[1]
    assert "each <code>shard</code> by itself: 2 parts" in pages[1]


def test_a_selection_is_deleted_after_a_question(
    operator: Operator, scored: dict[str, float], database: Database, settings: Settings
) -> None:
    job = selected(database, settings)
    address = f"{BENCH}/selections/{job}"
    operator.act(f"{address}/publish")
    assert f"{address}/delete" not in operator.get(BENCH).text
    for answer in (operator.get(f"{address}/delete"), operator.act(f"{address}/delete")):
        assert answer.status_code == 409
        assert "It is published" in answer.text
    operator.act(f"{address}/unpublish")
    assert f"{address}/delete" in operator.get(BENCH).text
    question = operator.get(f"{address}/delete").text
    assert "Delete The best?" in question
    assert folders.selection(settings, "test", job).is_dir()
    assert said(operator, f"{address}/delete", why="a trial") == "The best is deleted."
    assert not folders.selection(settings, "test", job).exists()
    assert "Nothing has been cut" in operator.get(f"{BENCH}/selections").text
    assert operator.get(f"{address}/delete").status_code == 404
    action, subject, detail = logged(database)[0]
    assert (action, subject) == ("selection deleted", "test")
    assert (detail["name"], detail["why"], len(detail["digest"])) == ("The best", "a trial", 64)


def test_a_job_that_runs_is_seen_stopped_and_not_begun_twice(
    operator: Operator, scored: dict[str, float], database: Database
) -> None:
    with database.write() as session:
        ask = Ask(name="slow", cut=Cut(rule="top", value=0.5), standing="all")
        pool = pools.get_pool(session, "test")
        job = services.begin_cut(session, pool, ask, NAME, now()).id
        services.tell(session, job, 1, 3, now())
    listed = operator.get(f"{BENCH}/selections").text
    assert 'hx-trigger="every' in listed
    assert 'max="3" value="1"' in listed
    answer = operator.act(f"{BENCH}/cut", rule="top", value="10", state="all", name="second")
    assert answer.status_code == 409
    assert "One runs for this pool already." in answer.text
    typed = {"rule": "top", "value": "10", "state": "all", "name": "<second>"}
    answer = operator.act(f"{BENCH}/cut", **typed, **{"from": f"{BENCH}?state=all"})
    assert answer.headers["Location"] == f"{BENCH}?state=all"
    page = operator.get(f"{BENCH}?state=all").text
    assert "Not done. One runs for this pool already." in page
    assert 'value="&lt;second&gt;"' in page
    assert operator.act(f"{BENCH}/jobs/{job}/stop").status_code == 303
    assert operator.act(f"{BENCH}/jobs/{job + 9}/stop").status_code == 404
    with database.write() as session:
        assert not services.tell(session, job, 1, 3, now())
        services.stop(session, job, now())
    listed = operator.get(f"{BENCH}/selections").text
    assert "stopped" in listed
    assert "hx-trigger" not in listed
