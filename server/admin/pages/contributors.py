"""/admin/contributors: who contributes, how they stand and why, and what is decided about them."""

from __future__ import annotations

from flask import render_template, url_for
from flask.typing import ResponseReturnValue

from server.admin import door, people_page
from server.admin.acting import act
from server.admin.blueprint import blueprint
from server.admin.pages import asked, listed
from server.admin.pages.deciding import deciding
from server.admin.roles import OPERATOR
from server.contributors import listing
from server.refusals import NotFound
from server.trust import operator
from server.web import database

SHOWN = 50


@blueprint.get("/contributors")
def contributors_page() -> ResponseReturnValue:
    wanted = listed.wanted(SHOWN, states=listing.CONTRIBUTOR_STATES)
    with database().read() as session:
        found, total = listing.people(
            session,
            search=wanted.search,
            state=wanted.state,
            first=wanted.first,
            count=wanted.size,
        )
    return render_template("admin/contributors.html", people=found, total=total, wanted=wanted)


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
    return act(
        deciding(number, operator.suspend, stopped=False),
        action="contributor suspended",
        subject=number,
        name=number[:8],
        done="is suspended",
        already="was suspended already",
        to=url_for("admin.contributor", number=number),
    )


@blueprint.post("/contributors/<number>/appeal")
@door.at_least(OPERATOR)
def answer_appeal(number: str) -> ResponseReturnValue:
    """With `answer` restore they work again; with anything else they stay suspended."""
    _require(number)
    restores = asked.field("answer") == "restore"
    return act(
        deciding(number, operator.restore if restores else operator.uphold, stopped=True),
        action="contributor restored" if restores else "suspension upheld",
        subject=number,
        name=number[:8],
        done="may work again, on probation" if restores else "stays suspended; why is kept",
        already="wasn't suspended",
        to=url_for("admin.contributor", number=number),
    )


def _require(number: str) -> None:
    """Raises NotFound."""
    with database().read() as session:
        if listing.person(session, asked.identifier(number)) is None:
            raise NotFound("There is no such contributor.")
