"""`dva signatures`: what it writes proves itself, to somebody who has only the file."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import update

from server.config import Settings
from server.db import Database
from server.results.models import Result
from tests.server.api import Api
from tests.server.command import Dva
from tests.server.stranger import said


def require_proof(row: dict[str, Any]) -> None:
    """Raises InvalidSignature."""
    device, account = row["device_key"], row["account_key"]
    names = [row[name].encode() for name in ("lease", "unit", "bundle", "rung")]
    posted = said("dva result 1", *names, row["statuses"], row["scores"])
    Ed25519PublicKey.from_public_bytes(device).verify(row["signature"], posted)
    mine = said("dva device 1", account, row["key_algorithm"].encode(), device)
    Ed25519PublicKey.from_public_bytes(account).verify(row["certificate"], mine)
    assert hashlib.sha256(b"ed25519" + account).hexdigest()[:32] == row["contributor"]


def test_who_has_the_file_can_verify_it(
    dva: Dva, settings: Settings, api: Api, pool: str, database: Database, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "signatures.parquet"
    for lease in api.lease(3).leases:
        api.finish(lease)
    done = dva(settings, "signatures", pool, "--out", str(out))
    assert (done.status, done.out[:6]) == (0, "3 of 3"), done.err
    rows = pq.read_table(out).to_pylist()
    assert len(rows) == 3
    for row in rows:
        require_proof(row)
    with database.write() as session:
        wrong = update(Result).where(Result.lease_id == rows[0]["lease"])
        session.execute(wrong.values(scores=bytes(len(rows[0]["scores"]))))
    again = dva(settings, "signatures", pool, "--out", str(out))
    assert again.out.startswith("2 of 3")
    proven = {row["lease"]: row["verified"] for row in pq.read_table(out).to_pylist()}
    assert [lease for lease, holds in proven.items() if not holds] == [rows[0]["lease"]]
