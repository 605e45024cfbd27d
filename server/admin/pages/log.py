"""/admin/log: who did what, when."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from server.admin import door, log
from server.admin.blueprint import blueprint
from server.admin.pages import asked
from server.admin.roles import OPERATOR
from server.web import database

COMMANDS = "-"
"""Instead of an account's name, which can't begin so: what commands did."""


@blueprint.get("/log")
@door.at_least(OPERATOR)
def log_page() -> ResponseReturnValue:
    account, subject = asked.text("account", 40), asked.text("subject", 300)
    before = asked.number("before", 0) if "before" in request.args else 0
    with database().read() as session:
        found = log.entries(
            session,
            account=None if not account else "" if account == COMMANDS else account,
            subject=subject or None,
            before=before or None,
            limit=log.SHOWN + 1,
        )
        accounts = log.accounts(session)
    shown = found[: log.SHOWN]
    return render_template(
        "admin/log.html",
        entries=shown,
        older=shown[-1].number if len(found) > log.SHOWN else None,
        newest=not before,
        accounts=accounts,
        commands=COMMANDS,
        wanted_account=account,
        wanted_subject=subject,
    )
