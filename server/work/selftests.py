"""POST /selftests, GET /selftests."""

from __future__ import annotations

from dva_agent.readiness import SelfTest, SelfTestRate, SelfTestRates
from flask import Blueprint, Response

from server.db import now
from server.selftests import services as selftests
from server.web import answer, database, device, message, settings
from server.work import readiness

blueprint = Blueprint("selftests", __name__)


@blueprint.post("/selftests")
def prove() -> Response:
    told = message(SelfTest)
    with database().write() as session:
        return answer(readiness.prove(session, settings(), device(session), told, now()))


@blueprint.get("/selftests")
def rates() -> Response:
    """Open to everybody."""
    with database().read() as session:
        found = selftests.rates(session)
    table = [
        SelfTestRate(
            card=rate.card,
            browser=rate.browser,
            rung=rate.rung,
            devices=rate.devices,
            tests=rate.tests,
            passed=rate.passed,
        )
        for rate in found
    ]
    return answer(SelfTestRates(least_devices=selftests.LEAST_DEVICES, rates=table))
