"""`certificate.json`: what was cut from what and how, so that it can be checked without the server.

Its last key, `digest`, is the sha256 over everything before it, and its bytes follow from its
content: the same cut of the same tables makes the same file, and no byte of it can differ
unnoticed. Who wants to be sure that nobody has written a certificate of their own compares
the digest with one that was published.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from server.errors import SelectionError

NAME = "certificate.json"
MAX_BYTES = 1 << 28


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file: one that was read, or one that was written."""

    name: str
    bytes: int
    sha256: str


class CutPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`per`: what it was cut within; then each stratum has a threshold, and this one is null."""

    rule: Literal["top", "threshold", "count"]
    value: float
    threshold: float | None
    per: Literal["shard", "host", "language"] | None
    column: str
    ties: str


class FilterPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was left out before the cut: pairs whose value isn't from `low` to `high`, isn't one of
    `words`, or is or isn't in the list `file`. `failed`, `unknown`: how many fell for that, and for
    having no value; each pair falls once, to the first filter that it doesn't pass."""

    name: str
    low: float | None
    high: float | None
    words: list[str]
    file: str | None
    failed: int
    unknown: int


class StratumPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`quota`: what it is due of the cut; `members`: with those that tie at its threshold."""

    name: str
    eligible: int
    quota: int
    members: int
    at_threshold: int
    threshold: float | None


class Counts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pairs. `eligible`: those with a score that the filters left; the cut is of them."""

    scored: int
    eligible: int
    members: int
    at_threshold: int


class AuditPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of the scores' truth, from the audits that were drawn by lot.

    wrong_rate   failed audits as a share of all of them, with Wilson's 95% interval. What failed
                 was taken out of the pool with whatever hung on it, and seldom is every pair of a
                 result wrong: so it is more than what members have to expect. Null without audits
    """

    results: int
    results_audited: int
    pairs: int
    pairs_audited: int
    share_audited: float
    audits_drawn: int
    audits_failed: int
    wrong_rate: float | None
    wrong_rate_low95: float | None
    wrong_rate_high95: float | None


class MembersPart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The Merkle tree (RFC 6962) over the sorted uids, 16 bytes each, `block` to a leaf."""

    merkle_root: str
    block: int


class Certificate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pool`, `agent`, `bundle`, `licence`, `attribution`: as the tables say; empty where they say
    nothing. `metadata`: tables that said more of the pairs. `audit` is null where the tables were
    given without their pool's data folder."""

    format: Literal["dva selection 2"] = "dva selection 2"
    dva_version: str
    pool: str
    agent: str
    bundle: str
    licence: str
    attribution: str
    state: Literal["all", "pending", "confirmed"]
    cut: CutPart
    filters: list[FilterPart]
    counts: Counts
    strata: list[StratumPart]
    audit: AuditPart | None
    members: MembersPart
    scores: list[Part]
    metadata: list[Part]
    files: list[Part]
    digest: str = ""


def encode(certificate: Certificate) -> bytes:
    """With its digest, whatever was there."""
    bare = msgspec.json.encode(msgspec.structs.replace(certificate, digest=""))
    digest = hashlib.sha256(bare).hexdigest()
    data = msgspec.json.encode(msgspec.structs.replace(certificate, digest=digest))
    return msgspec.json.format(data, indent=1) + b"\n"


def decode(folder: Path) -> Certificate:
    """Raises SelectionError for one that isn't there, isn't one, or was changed."""
    path = folder / NAME
    try:
        if path.stat().st_size > MAX_BYTES:
            raise SelectionError(f"{path} is too large.", code="certificate_invalid")
        data = path.read_bytes()
        found = msgspec.json.decode(data, type=Certificate)
    except FileNotFoundError as error:
        raise SelectionError(f"There is no {path}.", code="certificate_missing") from error
    except msgspec.MsgspecError as error:
        raise SelectionError(
            f"{path} isn't a certificate: {error}", code="certificate_invalid"
        ) from error
    if encode(found) != data:
        raise SelectionError(
            f"{path} isn't as it was written: it doesn't have its digest.",
            code="certificate_differs",
        )
    return found
