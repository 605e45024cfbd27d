"""/admin/devices: which devices there are, what audits made of them, and what is decided."""

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
from server.contributors.listing import Machine
from server.db import now
from server.refusals import NotFound
from server.trust import operator
from server.web import database

SHOWN = 50


@blueprint.get("/devices")
def devices_page() -> ResponseReturnValue:
    wanted = listed.wanted(SHOWN, states=listing.DEVICE_STATES)
    with database().read() as session:
        found, total = listing.machines(
            session,
            search=wanted.search,
            state=wanted.state,
            first=wanted.first,
            count=wanted.size,
        )
        standings = operator.standings(session, [machine.id for machine in found])
    return render_template(
        "admin/devices.html",
        machines=found,
        standings=standings,
        reasons=people_page.REASONS,
        total=total,
        wanted=wanted,
    )


@blueprint.get("/devices/<number>")
def device(number: str) -> ResponseReturnValue:
    with database().read() as session:
        found = people_page.device_page(session, asked.identifier(number))
    if found is None:
        raise NotFound("There is no such device.")
    return render_template("admin/device.html", found=found, reasons=people_page.REASONS)


@blueprint.get("/devices/<number>/suspend")
@door.at_least(OPERATOR)
def ask_suspend_device(number: str) -> ResponseReturnValue:
    _require(number)
    return door.confirm(
        question=f"Suspend device {number[:8]}?",
        follows=(
            "It gets no work and may not post results; its contributor's other devices go on.",
            "What it has posted stays as it is, to be audited like anything else.",
            "You can restore it at any time; it begins anew then, on probation.",
        ),
        label="Suspend",
        action=url_for("admin.suspend_device", number=number),
        back=url_for("admin.device", number=number),
    )


@blueprint.post("/devices/<number>/suspend")
@door.at_least(OPERATOR)
def suspend_device(number: str) -> ResponseReturnValue:
    _require(number)
    return act(
        deciding(number, operator.suspend, stopped=False),
        action="device suspended",
        subject=number,
        name=number[:8],
        done="is suspended",
        already="was stopped already",
        to=url_for("admin.device", number=number),
    )


@blueprint.post("/devices/<number>/restore")
@door.at_least(OPERATOR)
def restore_device(number: str) -> ResponseReturnValue:
    _require(number)
    return act(
        deciding(number, operator.restore, stopped=True),
        action="device restored",
        subject=number,
        name=number[:8],
        done="may work again, on probation",
        already="wasn't stopped",
        to=url_for("admin.device", number=number),
    )


@blueprint.get("/devices/<number>/revoke")
@door.at_least(OPERATOR)
def ask_revoke_device(number: str) -> ResponseReturnValue:
    _require(number)
    return door.confirm(
        question=f"Revoke device {number[:8]}?",
        follows=(
            "Its key is let in no more. This can't be undone: its owner would have to make another"
            " key.",
            "What it has posted stays, and is audited as before.",
        ),
        label="Revoke for good",
        action=url_for("admin.revoke_device", number=number),
        back=url_for("admin.device", number=number),
    )


@blueprint.post("/devices/<number>/revoke")
@door.at_least(OPERATOR)
def revoke_device(number: str) -> ResponseReturnValue:
    _require(number)
    why = asked.why()
    return act(
        lambda session: {"why": why} if listing.revoke(session, number, now()) else None,
        action="device revoked",
        subject=number,
        name=number[:8],
        done="is revoked",
        already="was revoked already",
        to=url_for("admin.device", number=number),
    )


def _require(number: str) -> Machine:
    """Raises NotFound."""
    with database().read() as session:
        found = listing.machine(session, asked.identifier(number))
    if found is None:
        raise NotFound("There is no such device.")
    return found
