"""The messages between an agent and the server: defined once, validated on both sides.

Prose, statuses and codes: docs/protocol.md. Numbers in blobs are little-endian; `bytes` fields
travel as base64 in JSON.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from dva_agent.errors import MessageError

PROTOCOL = 2
ROOT = "/api/v1"
PROTOCOL_HEADER = "DVA-Protocol"

MAX_UNIT_PAIRS = 4096
MAX_LEASES = 8
HERE = "here"
"""In the query of a shard's address: the server is to send it itself, and not to send us away."""
MAX_AGENTS = 16

Identifier = Annotated[str, Meta(pattern=r"^[0-9a-z][0-9a-z_-]{0,63}$(?!\n)")]
Hash = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
RequestId = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}$(?!\n)")]
"""128 random bits."""

Offset = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
UnitName = Annotated[str, Meta(pattern=r"^u[1-9][0-9]{0,17}-[0-9]{1,9}$(?!\n)")]
Uid = Annotated[str, Meta(min_length=1, max_length=64)]
Rung = Literal[
    "webgpu-f16-fused", "webgpu-f16", "webgpu-f32-fused", "webgpu-f32", "wasm", "native", "python"
]
"""What did the arithmetic. python: no model was needed, so none was loaded."""

Need = Literal["captions", "images", "model"]
"""What an agent needs besides its lease and the bundle's manifest and tokenizer."""

ReportReason = Literal["sexual", "violence", "hate", "personal", "illegal", "other"]
"""personal: it shows or names a private person. illegal: it may be against the law to have it."""


KeyAlgorithm = Literal["ed25519", "p256"]
"""Of a device key. p256: ECDSA over SHA-256, for a browser whose WebCrypto has no Ed25519."""

AccountKey = Annotated[bytes, Meta(min_length=32, max_length=32)]
DeviceKey = Annotated[bytes, Meta(min_length=32, max_length=65)]
"""Ed25519: 32 bytes. P-256: the point uncompressed, 65 bytes."""

Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
"""Ed25519, or r and s of ECDSA. Of what: dva_agent/statements.py."""

ChallengeBytes = Annotated[bytes, Meta(min_length=56, max_length=56)]


class PairStatus(enum.IntEnum):
    """What became of one pair. Where several hold, the lowest non-zero number is given; but what
    is withheld is never looked at, so nothing else is known of it."""

    SCORED = 0
    IMAGE_MISSING = 1
    IMAGE_BROKEN = 2
    """No decoder makes a picture of it (truncated, not an image, empty)."""
    IMAGE_UNSUPPORTED = 3
    """A picture, but of a kind that not every engine decodes to the same bytes yet: alpha,
    palette, CMYK, 16-bit, animation, or a format other than JPEG, PNG and WebP."""
    IMAGE_TOO_LARGE = 4
    CAPTION_MISSING = 5
    CAPTION_EMPTY = 6
    """Nothing is left after cleaning."""
    CAPTION_TOO_LARGE = 7
    WITHHELD = 8
    """Somebody reported it: nobody is to see it, and its score isn't wanted."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """Base of all messages. Unknown fields are ignored, so that either side may add some."""


class Column(Message, frozen=True, kw_only=True):
    """One of the numbers that an agent gives each pair that it scored: a float32 in
    [minimum, maximum]. With `labels` it stands for a word: it is the index of one of them."""

    name: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,31}$(?!\n)")]
    minimum: float
    maximum: float
    labels: tuple[str, ...] = ()

    def holds(self, value: float) -> bool:
        """Whether `value` can be this column's. False for NaN."""
        if not self.minimum <= value <= self.maximum:
            return False
        return not self.labels or value == int(value)


class Challenge(Message, frozen=True, kw_only=True):
    """200 to POST /challenges: what a proof of possession is made over, so that it is fresh."""

    challenge: ChallengeBytes
    expires_in_s: Annotated[float, Meta(ge=0)]


class Registration(Message, frozen=True, kw_only=True):
    """POST /devices: a browser or a machine introduces itself. Idempotent by `device_key`: the
    same one again is the same device."""

    platform: Literal["browser", "native"]
    device_class: Label
    """Free text for people and statistics, such as "swiftshader"; never trusted."""
    agent_version: Label
    account_key: AccountKey
    key_algorithm: KeyAlgorithm
    device_key: DeviceKey
    certificate: Signature
    """By the account key, over statements.of_device."""
    challenge: ChallengeBytes
    proof: Signature
    """By the device key, over statements.of_session."""


class Device(Message, frozen=True, kw_only=True):
    """201 to a Registration. Send `token` as `Authorization: Bearer`; POST /sessions gives the
    next one."""

    device: Identifier
    token: Annotated[str, Meta(min_length=32, max_length=200)]
    contributor: Identifier
    expires_in_s: Annotated[float, Meta(ge=0)]


class SessionRequest(Message, frozen=True, kw_only=True):
    """POST /sessions: a registered device signs in again."""

    device: Identifier
    challenge: ChallengeBytes
    proof: Signature
    """By the device key, over statements.of_session."""


class Session(Message, frozen=True, kw_only=True):
    """200 to a SessionRequest."""

    token: Annotated[str, Meta(min_length=32, max_length=200)]
    expires_in_s: Annotated[float, Meta(ge=0)]


class Span(Message, frozen=True, kw_only=True, array_like=True):
    """Bytes [start, start + size) of a shard."""

    start: Offset
    size: Annotated[int, Meta(ge=0, le=2**40)]


class PairRef(Message, frozen=True, kw_only=True):
    """Where one pair lies in its shard. A member that the shard lacks is null, and so are both of
    a pair that was `withheld`: its status is WITHHELD."""

    uid: Uid
    image: Span | None = None
    caption: Span | None = None
    withheld: bool = False


class Lease(Message, frozen=True, kw_only=True):
    """One device's claim on one unit. Spans are absolute in the shard and lie inside `span`."""

    lease: Identifier
    unit: Identifier
    pool: Identifier
    agent: Identifier
    bundle: Hash
    bundle_url: str
    """Where the bundle's files are: `bundle_url + path`. Ends with a slash."""
    shard_url: str
    """May answer with another address, good for some minutes; `?HERE` behind it: never."""
    captions_url: str | None = None
    """Where the unit's captions are without its pictures (dva_agent/packed.py); only for an agent
    that needs no images."""
    span: Span
    pairs: Annotated[list[PairRef], Meta(min_length=1, max_length=MAX_UNIT_PAIRS)]
    expires_in_s: Annotated[float, Meta(ge=0)]


class BundleSources(Message, frozen=True, kw_only=True):
    """GET of a lease's `bundle_url` without its slash. The files of the bundle are at
    `source + path`, the same bytes at each; the server itself is the last."""

    sources: Annotated[list[str], Meta(min_length=1, max_length=8)]
    """Addresses that end with a slash, absolute or relative to the server's, best first. A mirror
    isn't to be trusted: what comes from it has the manifest's sha256 or is thrown away."""


class LeaseRequest(Message, frozen=True, kw_only=True):
    """POST /leases. `pool` empty: any pool the server is working on. Idempotent where it has a
    `request`: the same one again gets the leases that it was granted before."""

    agents: Annotated[list[Identifier], Meta(min_length=1, max_length=MAX_AGENTS)]
    count: Annotated[int, Meta(ge=1, le=MAX_LEASES)] = 1
    pool: Identifier | None = None
    request: RequestId | None = None
    """Drawn anew for each request, and kept when it is repeated because no answer came."""


class Idle(Message, frozen=True, kw_only=True):
    """Why there is no work, and when to ask again."""

    reason: Literal[
        "drained",
        "all_leased",
        "too_many_leases",
        "quota_spent",
        "no_pool",
        "no_agent",
        "licence_unaccepted",
        "pool_paused",
        "shard_unavailable",
        "audits_pending",
        "class_quarantined",
        "selftest_due",
    ]
    """drained: every unit is finished; all_leased: the rest is with other devices;
    too_many_leases: this device, its contributor or its network holds its share already;
    quota_spent: this device has taken as many units today as it may; no_pool: nothing has been
    ingested; no_agent: there are pools, but none for the agents that were named;
    licence_unaccepted: whoever runs the server has to accept the model's licence first;
    pool_paused: there is work, and whoever runs the server doesn't want it done for now;
    shard_unavailable: what is left lies in shards whose files are missing or were changed, or that
    are set aside; audits_pending: what this device has posted has to be looked at first;
    class_quarantined: devices of this kind compute wrongly, and are given no work for now;
    selftest_due: there is work, for a device that has shown lately that it computes `bundle`
    rightly."""
    retry_after_s: Annotated[float, Meta(ge=0)]
    """After selftest_due: where a self-test has been told already. Else there is nothing to wait
    for."""
    bundle: Hash | None = None
    bundle_url: str | None = None
    """With selftest_due, as in a lease."""


class Leases(Message, frozen=True, kw_only=True):
    """200 to a LeaseRequest: at least one lease, or why not."""

    leases: list[Lease]
    idle: Idle | None = None


class Result(Message, frozen=True, kw_only=True):
    """POST /leases/{lease}/result. Idempotent: the same body again gets the same answer."""

    lease: Identifier
    """The one it is posted under: a result that is replayed under another is refused."""
    bundle: Hash
    rung: Rung
    device_class: Label
    statuses: bytes
    """uint8 x pairs: PairStatus of each."""
    scores: bytes
    """float32 x pairs x the agent's columns, pair by pair; exactly 0 where the status isn't
    SCORED."""
    signature: Signature
    """By the device key, over statements.of_result."""
    more: Annotated[int, Meta(ge=0, le=MAX_LEASES)] = 0
    """How many new leases the answer may bring."""


class Accepted(Message, frozen=True, kw_only=True):
    """200 to a Result."""

    unit: Identifier
    pairs_scored: Count
    next: Leases | None = None


class Heartbeat(Message, frozen=True, kw_only=True):
    """200 to POST /leases/{lease}/heartbeat: the deadline has been moved."""

    expires_in_s: Annotated[float, Meta(ge=0)]


class Report(Message, frozen=True, kw_only=True):
    """POST /reports: a person says that nobody should be shown this pair."""

    pool: Identifier
    unit: UnitName
    uid: Uid
    reason: ReportReason


class Reported(Message, frozen=True, kw_only=True):
    """200 to a Report, the same to its repetition."""

    pool: Identifier
    unit: UnitName
    uid: Uid
    state: Literal["withheld", "confirmed", "restored"]
    """withheld: gone from all leases, until an operator has looked. confirmed: gone for good.
    restored: an operator has looked and found nothing wrong with it, so it stays."""


Policy = Literal["audit", "replication"]


class PoolStatus(Message, frozen=True, kw_only=True):
    pool: Identifier
    agent: Identifier
    bundle: Hash
    bundle_url: str
    title: str
    licence: str
    attribution: str
    safe: bool
    """Whether its pictures may be shown unblurred."""
    pairs: Count
    bytes: Count
    """Of its shards: what scoring all of it transfers."""
    units: Count
    units_leased: Count
    units_done: Count
    pairs_done: Count
    columns: list[Column] = []
    """What its agent says of each pair; empty if the server itself lacks that agent, and then it
    hands out none of the pool's units."""
    needs: list[Need] = []
    """What its agent needs."""
    licence_accepted: bool = True
    """Whether whoever runs the server has accepted the licence of its bundle, as far as that has
    to be; until then neither its units nor the bundle's files are handed out."""
    policy: Policy = "audit"
    """How its results are checked: by auditors, or by other contributors."""
    paused: bool = False
    """While it is, or its bundle is stopped, none of its units is handed out; what was leased
    before is still taken."""
    hosts: list[str] = []
    """Other sites that its shards come from, and that see who fetches them; empty: this server
    alone."""
    priority: int = 0
    """Of pools that a device can work on, the one with the highest is handed out first."""


class ServerStatus(Message, frozen=True, kw_only=True):
    """GET /status: answers without sign-in."""

    service: Literal["dva"]
    version: str
    protocol: int
    pools: list[PoolStatus]


class Problem(Message, frozen=True, kw_only=True):
    """application/problem+json (RFC 9457). `code` is stable and for programs."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    next_step: str = ""
    retry_after_s: float | None = None
    request_id: str = ""
    """Under which the server's log has it."""


M = TypeVar("M", bound=Message)


def encode(message: Message) -> bytes:
    """UTF-8 JSON of a message."""
    return msgspec.json.encode(message)


def decode(body: bytes | str, kind: type[M]) -> M:
    """A message from JSON. Raises MessageError that names the first field that is wrong."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MessageError(f"{kind.__name__}: {error}") from error


def pack_scores(scores: Sequence[float]) -> bytes:
    """float32 blob, little-endian."""
    return struct.pack(f"<{len(scores)}f", *scores)


def unpack_scores(blob: bytes) -> list[float]:
    """Back from `pack_scores`. Raises MessageError unless the length is a multiple of 4."""
    if len(blob) % 4:
        raise MessageError(f"scores: {len(blob)} bytes are not a whole number of float32")
    return list(struct.unpack(f"<{len(blob) // 4}f", blob))
