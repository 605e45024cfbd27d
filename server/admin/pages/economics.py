"""/admin/economics: what scoring moves and computes, and what it costs."""

from __future__ import annotations

from flask import render_template
from flask.typing import ResponseReturnValue

from server.admin import figures, words
from server.admin.blueprint import blueprint
from server.admin.economics import PoolEconomics, economics
from server.config import Settings
from server.db import now
from server.history import services as history
from server.web import database, settings

UNKNOWN = "unknown"


@blueprint.get("/economics")
def economics_page() -> ResponseReturnValue:
    history.tally().flush_now(now())
    with database().read() as session:
        found = economics(session, settings(), now())
    return render_template(
        "admin/economics.html",
        found=found,
        price=settings().price_of_traffic,
        auditor_price=settings().price_of_auditor,
        size=size,
        operations=operations,
        percent=percent,
        hours=hours,
        traffic=lambda pool: traffic(settings(), pool),
        audits=lambda pool: audits(settings(), pool),
    )


def size(value: float | None) -> str:
    return UNKNOWN if value is None else words.size(round(value))


def operations(gflops: float | None) -> str:
    """Of 10^9 floating-point operations: 4,400,000 of them are 4.4 PFLOP."""
    if gflops is None:
        return UNKNOWN
    if not gflops:
        return "none: it runs no model"
    scaled = gflops
    for name in ("GFLOP", "TFLOP", "PFLOP", "EFLOP"):
        if scaled < 1000 or name == "EFLOP":
            break
        scaled /= 1000
    return f"{scaled:,.1f} {name}"


def percent(share: float | None) -> str:
    """To a hundredth, since the shares that matter are below one."""
    return UNKNOWN if share is None else f"{100 * share:.2f} %"


def hours(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:,.2f} h" if value >= 0.01 else "< 0.01 h"


def traffic(settings: Settings, pool: PoolEconomics) -> str:
    """What fetching a million pairs costs."""
    return UNKNOWN if pool.bytes_million is None else figures.cost(settings, pool.bytes_million)


def audits(settings: Settings, pool: PoolEconomics) -> str:
    """What auditing a million pairs costs."""
    price = settings.price_of_auditor
    if price is None or pool.audit_hours_million is None:
        return UNKNOWN
    return figures.money(pool.audit_hours_million * price.amount, price.currency)
