"""What every page of the workbench belongs to and needs. HTML that needs no script; with one, the
line is dragged and only what changed is loaded anew."""

from __future__ import annotations

from flask import Blueprint, request
from sqlalchemy.orm import Session

from server.admin import door
from server.errors import SelectionError
from server.pools import services as pools
from server.pools.services import Pool
from server.refusals import NotFound
from server.results.standing import Standing
from server.web import settings
from server.workbench import look, services
from server.workbench.services import Selection
from server.workbench.snapshot import Snapshot

LARGEST_LIST = 1 << 28
"""Bytes of an upload: 16 million uids."""
BENCH = "/pools/<name>/workbench"

blueprint = Blueprint("workbench", __name__, url_prefix="/admin", template_folder="templates")


@blueprint.before_request
def give_lists_room() -> None:
    """Before the form is looked at for its token: this one form is larger than any other."""
    if request.endpoint == "workbench.add_list":
        request.max_content_length = LARGEST_LIST


door.guard(blueprint)


def pool_of(session: Session, name: str) -> Pool:
    """Raises NotFound."""
    found = pools.find_pool(session, name) if pools.POOL_NAME.fullmatch(name) else None
    if found is None:
        raise NotFound("There is no such pool.")
    return found


def selection_of(session: Session, name: str, number: int, *, whole: bool = True) -> Selection:
    """Raises NotFound."""
    found = services.find_selection(session, pool_of(session, name), number, whole=whole)
    if found is None:
        raise NotFound("There is no such selection.")
    return found


def snapshot_of(session: Session, pool: Pool) -> tuple[Snapshot | None, str | None]:
    """Or why there is none."""
    try:
        return look.current(session, settings(), pool), None
    except SelectionError as error:
        return None, f"{error} {error.next_step}"


def default_standing(found: Snapshot | None) -> Standing:
    """What is confirmed, if anything is."""
    return "confirmed" if found is None or len(found.by_state["confirmed"]) else "all"
