"""What can be asked of the API: one entry for each route, in the order of docs/protocol.md."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Literal

from dva_agent import account, activity, credit, protocol, readiness
from dva_agent.protocol import Message

from server.refusals import (
    AccountDeleted,
    AgentUnknown,
    BodyTooLarge,
    BundleMismatch,
    BundleUnknown,
    Busy,
    ChallengeInvalid,
    DeviceTaken,
    DeviceUnknown,
    LeaseEnded,
    LeaseMismatch,
    LeaseNotYours,
    LeaseUnknown,
    LicenceUnaccepted,
    MediaTypeUnsupported,
    MessageInvalid,
    NameInvalid,
    NotAdmitted,
    NotFound,
    NotSignedIn,
    OriginUnknown,
    PairUnknown,
    ProofUnknown,
    ProtocolOutdated,
    RangeInvalid,
    RateLimited,
    Refusal,
    ResultConflict,
    ResultInvalid,
    RungUntested,
    ServerFault,
    ShardUnavailable,
    SignatureInvalid,
)

OF_A_PROOF = (ChallengeInvalid, SignatureInvalid, OriginUnknown)
OF_A_LEASE = (LeaseUnknown, LeaseNotYours)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`path` is below ROOT. An answer is a message, a `file` of this media type, `other` JSON, or
    nothing. `refusals`: those that don't follow from the rest."""

    method: Literal["get", "post"]
    path: str
    summary: str
    status: HTTPStatus = HTTPStatus.OK
    body: type[Message] | None = None
    answer: type[Message] | None = None
    file: str = ""
    query: tuple[str, ...] = ()
    """Whole numbers that the address may carry."""
    ranges: bool = False
    """Whether one range of the file may be asked for, and whether it has changed."""
    elsewhere: bool = False
    """Whether the answer may be where else the file is; with `here` in the query it never is."""
    other: bool = False
    signed_in: bool = False
    limited: bool = True
    refusals: tuple[type[Refusal], ...] = ()

    @property
    def name(self) -> str:
        """Unique, for code generators: such as `post_leases_lease_result`."""
        words = self.path.replace(".", "/").replace("{", "").replace("}", "")
        return self.method + words.replace("/", "_")

    def all_refusals(self) -> Iterable[type[Refusal]]:
        yield from self.refusals
        yield from (ProtocolOutdated, ServerFault, Busy)
        if self.limited:
            yield RateLimited
        if "{" in self.path:
            yield NotFound
        if self.signed_in:
            yield NotSignedIn
        if self.query:
            yield MessageInvalid
        if self.body:
            yield from (MessageInvalid, MediaTypeUnsupported, BodyTooLarge)
        if self.ranges:
            yield RangeInvalid


OPERATIONS = (
    Operation(
        method="post",
        path="/challenges",
        summary="What a proof of possession is made over, so that it is fresh.",
        answer=protocol.Challenge,
    ),
    Operation(
        method="post",
        path="/devices",
        summary="A browser or a machine introduces itself. Idempotent by its key.",
        status=HTTPStatus.CREATED,
        body=protocol.Registration,
        answer=protocol.Device,
        refusals=(*OF_A_PROOF, NotSignedIn, AccountDeleted, DeviceTaken),
    ),
    Operation(
        method="post",
        path="/sessions",
        summary="The next token of a registered device.",
        body=protocol.SessionRequest,
        answer=protocol.Session,
        refusals=(*OF_A_PROOF, NotSignedIn),
    ),
    Operation(
        method="get",
        path="/me",
        summary="Who asks, and which devices are theirs.",
        answer=account.Me,
        signed_in=True,
    ),
    Operation(
        method="post",
        path="/me",
        summary="Another name, or none.",
        body=account.NameChange,
        answer=account.Me,
        signed_in=True,
        refusals=(NameInvalid,),
    ),
    Operation(
        method="post",
        path="/me/devices/{device}/revoke",
        summary="A device of theirs is let in no more.",
        body=account.Consent,
        answer=account.Me,
        signed_in=True,
        refusals=(*OF_A_PROOF, DeviceUnknown),
    ),
    Operation(
        method="post",
        path="/me/delete",
        summary="The person goes; the scores stay.",
        body=account.Consent,
        answer=account.Me,
        signed_in=True,
        refusals=OF_A_PROOF,
    ),
    Operation(
        method="post",
        path="/selftests",
        summary="What the golden pairs of a bundle came to on one rung.",
        body=readiness.SelfTest,
        answer=readiness.SelfTestVerdict,
        signed_in=True,
        refusals=(BundleUnknown,),
    ),
    Operation(
        method="get",
        path="/selftests",
        summary="How devices' self-tests come out, by graphics card, browser and rung.",
        answer=readiness.SelfTestRates,
    ),
    Operation(
        method="post",
        path="/leases",
        summary="Leases, or why there are none and when to ask again. Idempotent by `request`.",
        body=protocol.LeaseRequest,
        answer=protocol.Leases,
        signed_in=True,
        refusals=(NotFound, NotAdmitted),
    ),
    Operation(
        method="get",
        path="/bundles/{bundle}",
        summary="Where a model bundle's files can be had: mirrors, and this server.",
        answer=protocol.BundleSources,
        limited=False,
        refusals=(LicenceUnaccepted,),
    ),
    Operation(
        method="get",
        path="/bundles/{bundle}/{path}",
        summary="A file of a model bundle.",
        file="*/*",
        ranges=True,
        limited=False,
        refusals=(LicenceUnaccepted,),
    ),
    Operation(
        method="get",
        path="/pools/{pool}/shards/{name}.tar",
        summary="A shard; a unit is one range of it.",
        file="application/x-tar",
        ranges=True,
        elsewhere=True,
        limited=False,
        refusals=(ShardUnavailable,),
    ),
    Operation(
        method="get",
        path="/pools/{pool}/units/{unit}/captions",
        summary="A unit's captions without its pictures.",
        file="application/octet-stream",
        refusals=(ShardUnavailable,),
    ),
    Operation(
        method="post",
        path="/leases/{lease}/heartbeat",
        summary="Moves the deadline, up to a limit counted from the claim.",
        answer=protocol.Heartbeat,
        signed_in=True,
        refusals=(*OF_A_LEASE, NotAdmitted, LeaseEnded),
    ),
    Operation(
        method="post",
        path="/leases/{lease}/result",
        summary="Stores a result, and may bring the next leases. Idempotent.",
        body=protocol.Result,
        answer=protocol.Accepted,
        signed_in=True,
        refusals=(
            *OF_A_LEASE,
            NotAdmitted,
            LeaseEnded,
            ResultConflict,
            AgentUnknown,
            BundleMismatch,
            RungUntested,
            LeaseMismatch,
            ResultInvalid,
            SignatureInvalid,
        ),
    ),
    Operation(
        method="post",
        path="/leases/{lease}/abandon",
        summary="Gives the unit back.",
        status=HTTPStatus.NO_CONTENT,
        signed_in=True,
        refusals=OF_A_LEASE,
    ),
    Operation(
        method="post",
        path="/reports",
        summary="A person says that nobody should be shown this pair. Idempotent.",
        body=protocol.Report,
        answer=protocol.Reported,
        signed_in=True,
        refusals=(PairUnknown,),
    ),
    Operation(
        method="get",
        path="/me/credit",
        summary="What one's devices have earned together: pending, confirmed, forfeited, revoked.",
        answer=credit.Credit,
        signed_in=True,
    ),
    Operation(
        method="get",
        path="/me/units",
        summary="One's units, newest first, each with how it stands, why, and what it waits for.",
        answer=credit.Work,
        query=("after",),
        signed_in=True,
    ),
    Operation(
        method="get",
        path="/me/proof",
        summary="That one's line is in the statement of an epoch; without `epoch`: the latest.",
        answer=credit.CreditProof,
        query=("epoch",),
        signed_in=True,
        refusals=(ProofUnknown,),
    ),
    Operation(
        method="post",
        path="/me/payout",
        summary="Where an outside payout of one's credit is to go, or nowhere.",
        body=credit.PayoutChange,
        answer=credit.Payout,
        signed_in=True,
        refusals=OF_A_PROOF,
    ),
    Operation(
        method="get",
        path="/status",
        summary="The pools and how they stand.",
        answer=protocol.ServerStatus,
    ),
    Operation(
        method="get",
        path="/activity",
        summary="What is going on: pools, throughput, contributors, published selections.",
        answer=activity.Activity,
    ),
    Operation(
        method="get",
        path="/openapi.json",
        summary="This description.",
        other=True,
    ),
)
