"""/admin/contributors: who contributes, how they stand and why, and what is decided about them."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from server.admin import door, log, people_page
from server.admin.blueprint import blueprint
from server.admin.pages import asked
from server.admin.roles import OPERATOR
from server.contributors import listing
from server.db import now
from server.refusals import NotFound
from server.trust import operator
from server.web import database

SHOWN = 50


@blueprint.get("/contributors")
def contributors_page() -> ResponseReturnValue:
    search, state, page = asked.text("search", 80), asked.text("state", 20), asked.number("page", 1)
    with database().read() as session:
        found, total = listing.people(
            session, search=search, state=state, first=(page - 1) * SHOWN, count=SHOWN
        )
    return render_template(
        "admin/contributors.html",
        people=found,
        total=total,
        search=search,
        state=state,
        states=listing.CONTRIBUTOR_STATES,
        page=page,
        pages=max(-(-total // SHOWN), 1),
    )


@blueprint.get("/contributors/<number>")
def contributor(number: str) -> ResponseReturnValue:
    with database().read() as session:
        found = people_page.contributor_page(session, asked.identifier(number))
    if found is None:
        raise NotFound("There is no such contributor.")
    return render_template("admin/contributor.html", found=found)


@blueprint.get("/contributors/<number>/suspend")
@door.at_least(OPERATOR)
def ask_suspend_contributor(number: str) -> ResponseReturnValue:
    _require(number)
    return door.confirm(
        question=f"Suspend contributor {number[:8]}?",
        follows=(
            "None of their devices gets work or may post results.",
            "What they have posted stays as it is, to be audited like anything else.",
            "Their page tells them so. You can restore them at any time; they begin anew then, on"
            " probation.",
        ),
        label="Suspend",
        action=url_for("admin.suspend_contributor", number=number),
        back=url_for("admin.contributor", number=number),
    )


@blueprint.post("/contributors/<number>/suspend")
@door.at_least(OPERATOR)
def suspend_contributor(number: str) -> ResponseReturnValue:
    _require(number)
    why = asked.why()
    with database().write() as session:
        changed = not operator.is_stopped(session, number)
        if changed:
            operator.suspend(session, number, by=door.account().name, reason=why, at=now())
            log.record(session, door.account(), "contributor suspended", number, {"why": why})
    said = "is suspended" if changed else "was suspended already"
    return door.done(f"{number[:8]} {said}.", url_for("admin.contributor", number=number))


@blueprint.post("/contributors/<number>/appeal")
@door.at_least(OPERATOR)
def answer_appeal(number: str) -> ResponseReturnValue:
    """With `answer` restore they work again; with anything else they stay suspended."""
    _require(number)
    why, restores = asked.why(), asked.field("answer") == "restore"
    with database().write() as session:
        changed = operator.is_stopped(session, number)
        if changed:
            act = operator.restore if restores else operator.uphold
            act(session, number, by=door.account().name, reason=why, at=now())
            action = "contributor restored" if restores else "suspension upheld"
            log.record(session, door.account(), action, number, {"why": why})
    if not changed:
        said = "wasn't suspended"
    elif restores:
        said = "may work again, on probation"
    else:
        said = "stays suspended; why is kept"
    return door.done(f"{number[:8]} {said}.", url_for("admin.contributor", number=number))


def _require(number: str) -> None:
    """Raises NotFound."""
    with database().read() as session:
        if listing.person(session, asked.identifier(number)) is None:
            raise NotFound("There is no such contributor.")
