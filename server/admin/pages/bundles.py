"""/admin/bundles: the models, whether they may be handed out, and how devices get on with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent.bundle import Manifest
from dva_agent.errors import BundleError
from flask import render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from server.admin import door
from server.admin.acting import Deed, Detail, act
from server.admin.blueprint import blueprint
from server.admin.pages import asked
from server.admin.roles import MAINTAINER
from server.db import now
from server.errors import LicenceError
from server.pools import bundles, licences, steering
from server.pools import services as pools
from server.pools.licences import Acceptance
from server.refusals import NotFound
from server.selftests import services as selftests
from server.selftests.services import Rate
from server.web import database, settings


@dataclass(frozen=True, kw_only=True)
class BundleLine:
    manifest: Manifest
    size: int
    """Bytes."""
    pools: Sequence[str]
    needs_acceptance: bool
    accepted: bool
    acceptance: Acceptance | None
    stopped: bool
    tests: int
    """Latest self-tests, at most one a device and rung."""
    passed: int


@blueprint.get("/bundles")
def bundles_page() -> ResponseReturnValue:
    with database().read() as session:
        found = [_line(session, each) for each in bundles.all_registered(settings().bundles)]
    return render_template("admin/bundles.html", bundles=found)


@blueprint.get("/bundles/<number>")
def bundle(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)
    with database().read() as session:
        found = _line(session, manifest)
        rates = selftests.rates(session, least=1, bundle=manifest.bundle)
    return render_template(
        "admin/bundle.html", found=found, rates=rates, text=_licence_text(manifest)
    )


@blueprint.post("/bundles/<number>/accept")
@door.at_least(MAINTAINER)
def accept_licence(number: str) -> ResponseReturnValue:
    """Its text is on the page that asks; a box says that it was read."""
    manifest = _manifest(number)
    if request.form.get("read") != "yes":
        raise LicenceError(
            "The licence was not accepted.",
            next_step="Read it, and if you agree to it, tick the box.",
        )
    licences.licence_text(settings().bundles / manifest.bundle, manifest)

    def accept(_session: Session) -> Detail | None:
        if licences.is_accepted(settings(), manifest):
            return None
        licences.accept(settings(), manifest, by=door.account().name, at=now())
        return {"name": manifest.name, "licence": manifest.licence.name}

    return _act(
        accept,
        manifest,
        action="licence accepted",
        name=f"The licence of {manifest.name}",
        done="is accepted",
        already="needed no acceptance, or had it already",
    )


@blueprint.get("/bundles/<number>/withdraw")
@door.at_least(MAINTAINER)
def ask_withdraw(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)
    return door.confirm(
        question=f"Take back the acceptance of {manifest.name}'s licence?",
        follows=(
            "Nothing of the bundle is handed out any more, at once: no files, no leases.",
            "The same holds for every bundle with the very same text.",
            "What was leased before is still taken. You can accept the licence again.",
        ),
        label="Take it back",
        action=url_for("admin.withdraw_licence", number=number),
        back=url_for("admin.bundle", number=number),
    )


@blueprint.post("/bundles/<number>/withdraw")
@door.at_least(MAINTAINER)
def withdraw_licence(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)
    why = asked.why()

    def withdraw(_session: Session) -> Detail | None:
        if not licences.needs_acceptance(manifest) or not licences.is_accepted(
            settings(), manifest
        ):
            return None
        licences.withdraw(settings(), manifest)
        return {"name": manifest.name, "licence": manifest.licence.name, "why": why}

    return _act(
        withdraw,
        manifest,
        action="licence withdrawn",
        name=f"The licence of {manifest.name}",
        done="isn't accepted any more",
        already="wasn't accepted, or needs no acceptance",
    )


@blueprint.get("/bundles/<number>/stop")
@door.at_least(MAINTAINER)
def ask_stop(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)
    with database().read() as session:
        names = pools.names_of_bundle(session, manifest.bundle)
    return door.confirm(
        question=f"Stop leases for {manifest.name}?",
        follows=(
            f"Nothing of its pools is handed out: {', '.join(names) or 'it has none now'}.",
            "What is leased is finished and taken; its files are still served.",
            "You can allow it again at any time.",
        ),
        label="Stop",
        action=url_for("admin.stop_bundle", number=number),
        back=url_for("admin.bundle", number=number),
    )


@blueprint.post("/bundles/<number>/stop")
@door.at_least(MAINTAINER)
def stop_bundle(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)
    why = asked.why()

    def stop(session: Session) -> Detail | None:
        stopped = steering.stop_bundle(session, manifest.bundle, now())
        return {"name": manifest.name, "why": why} if stopped else None

    return _act(
        stop,
        manifest,
        action="bundle stopped",
        done="gets no new leases",
        already="got no new leases already",
    )


@blueprint.post("/bundles/<number>/allow")
@door.at_least(MAINTAINER)
def allow_bundle(number: str) -> ResponseReturnValue:
    manifest = _manifest(number)

    def allow(session: Session) -> Detail | None:
        return {"name": manifest.name} if steering.allow_bundle(session, manifest.bundle) else None

    return _act(
        allow,
        manifest,
        action="bundle allowed",
        done="is handed out again",
        already="wasn't stopped",
    )


def _line(session: Session, manifest: Manifest) -> BundleLine:
    rates: Sequence[Rate] = selftests.rates(session, least=1, bundle=manifest.bundle)
    accepted = licences.is_accepted(settings(), manifest)
    return BundleLine(
        manifest=manifest,
        size=sum(entry.bytes for entry in manifest.files),
        pools=pools.names_of_bundle(session, manifest.bundle),
        needs_acceptance=licences.needs_acceptance(manifest),
        accepted=accepted,
        acceptance=licences.acceptance(settings(), manifest) if accepted else None,
        stopped=steering.is_stopped(session, manifest.bundle),
        tests=sum(rate.tests for rate in rates),
        passed=sum(rate.passed for rate in rates),
    )


def _licence_text(manifest: Manifest) -> str:
    try:
        return licences.licence_text(settings().bundles / manifest.bundle, manifest)
    except BundleError as error:
        return str(error)


def _manifest(number: str) -> Manifest:
    """Raises NotFound."""
    for manifest in bundles.all_registered(settings().bundles):
        if manifest.bundle == number:
            return manifest
    raise NotFound("There is no such bundle.")


def _act(
    deed: Deed, manifest: Manifest, *, action: str, done: str, already: str, name: str = ""
) -> ResponseReturnValue:
    return act(
        deed,
        action=action,
        subject=manifest.bundle,
        name=name or manifest.name,
        done=done,
        already=already,
        to=url_for("admin.bundle", number=manifest.bundle),
    )
