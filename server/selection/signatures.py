"""`dva signatures`: a pool's results with what proves whose they are, as one Parquet file.

    lease, unit, bundle, rung   string: what was signed, beside
    statuses, scores            binary: the blobs, as docs/protocol.md has them
    signature                   binary: the device key's, over "dva result 1" of these six
    key_algorithm, device_key   string, binary: the device's
    certificate, account_key    binary: the account's signature over "dva device 1", and its key
    contributor                 string: made from the account key
    state                       string: pending or confirmed
    verified                    bool: whether both signatures are right, as this command found

What can't be verified is listed too. Keys are null once an account is deleted, signatures are null
where a device had no key yet; and where pairs were withheld by the time that the result came, what
is stored isn't what was signed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from dva_agent import statements

from server.config import Settings
from server.contributors import signatures
from server.contributors.services import Proof, proofs_of
from server.db import Database
from server.durable import put
from server.pools import services as pools
from server.results import compacted
from server.results.services import Result

SCHEMA = pa.schema(
    [
        ("lease", pa.string()),
        ("unit", pa.string()),
        ("bundle", pa.string()),
        ("rung", pa.string()),
        ("statuses", pa.binary()),
        ("scores", pa.binary()),
        ("signature", pa.binary()),
        ("key_algorithm", pa.string()),
        ("device_key", pa.binary()),
        ("certificate", pa.binary()),
        ("account_key", pa.binary()),
        ("contributor", pa.string()),
        ("state", pa.string()),
        ("verified", pa.bool_()),
    ]
)


@dataclass(frozen=True, kw_only=True)
class Signed:
    """How many results were written, and how many of them are proven."""

    results: int
    verified: int


def write_signatures(
    database: Database,
    settings: Settings,
    *,
    pool: str,
    out: Path,
    progress: Callable[[int, int], None],
) -> Signed:
    """Writes `out`, whole or not at all. Needs the memory of one shard's results. Raises
    PoolError."""
    with database.read() as session:
        shards = pools.shards_of(session, pools.get_pool(session, pool))
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.with_name(f".{out.name}.partial")
    count = verified = 0
    progress(0, len(shards))
    try:
        with pq.ParquetWriter(partial, SCHEMA, compression="zstd") as writer:
            for number, shard in enumerate(shards, start=1):
                with database.read() as session:
                    found = compacted.results_of(session, settings, shard)
                    proofs = proofs_of(session, {result.device_id for _, result in found})
                rows = [_row(unit.name, each, proofs[each.device_id]) for unit, each in found]
                if rows:
                    writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
                count += len(rows)
                verified += sum(row["verified"] for row in rows)
                progress(number, len(shards))
        put(partial, out)
    finally:
        partial.unlink(missing_ok=True)
    return Signed(results=count, verified=verified)


def _row(unit: str, result: Result, proof: Proof) -> dict[str, Any]:
    return {
        "lease": result.lease_id,
        "unit": unit,
        "bundle": result.bundle,
        "rung": result.rung,
        "statuses": result.statuses,
        "scores": result.scores,
        "signature": result.signature,
        "key_algorithm": proof.algorithm,
        "device_key": proof.device_key,
        "certificate": proof.certificate,
        "account_key": proof.account_key,
        "contributor": proof.contributor,
        "state": result.state,
        "verified": _is_proven(unit, result, proof),
    }


def _is_proven(unit: str, result: Result, proof: Proof) -> bool:
    device, account, algorithm = proof.device_key, proof.account_key, proof.algorithm
    if device is None or account is None or algorithm is None:
        return False
    if result.signature is None or proof.certificate is None:
        return False
    posted = statements.of_result(
        lease=result.lease_id,
        unit=unit,
        bundle=result.bundle,
        rung=result.rung,
        statuses=result.statuses,
        scores=result.scores,
    )
    certified = statements.of_device(account, algorithm, device)
    return signatures.is_signed(
        posted, by=device, algorithm=algorithm, signature=result.signature
    ) and signatures.is_signed(
        certified, by=account, algorithm=signatures.ED25519, signature=proof.certificate
    )
