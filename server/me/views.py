"""GET /me/credit, /me/units, /me/proof; POST /me/payout."""

from __future__ import annotations

import re

from dva_agent.account import Consent
from dva_agent.credit import Payout, PayoutChange
from flask import Blueprint, Response, request

from server.contributors import account
from server.contributors import services as contributors
from server.credit import epochs
from server.db import now
from server.me import work
from server.refusals import MessageInvalid
from server.web import answer, database, device, door, message, settings

blueprint = Blueprint("me", __name__)


@blueprint.get("/me/credit")
def credit() -> Response:
    with database().read() as session:
        return answer(work.credit_of(session, settings(), device(session)))


@blueprint.get("/me/units")
def units() -> Response:
    after = _number("after", digits=15)
    with database().read() as session:
        return answer(work.units_of(session, settings(), device(session), after, now()))


@blueprint.get("/me/proof")
def proof() -> Response:
    number = _number("epoch", digits=9)
    with database().read() as session:
        contributor = contributors.contributor_of(session, device(session))
        return answer(epochs.proof(session, contributor, number))


@blueprint.post("/me/payout")
def payout() -> Response:
    asked = message(PayoutChange)
    consent = Consent(challenge=asked.challenge, signature=asked.signature)
    with database().write() as session:
        account.attach_payout(session, door(), device(session), asked.address, consent, now())
    return answer(Payout(address=asked.address))


def _number(name: str, *, digits: int) -> int | None:
    """A parameter of the address. Raises MessageInvalid."""
    text = request.args.get(name)
    if text is None:
        return None
    if not re.fullmatch(f"[0-9]{{1,{digits}}}", text):
        raise MessageInvalid(f"{name} isn't a number of at most {digits} digits.")
    return int(text)
