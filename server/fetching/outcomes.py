"""What came of each picture, from the tables that img2dataset writes beside its tars (status,
error_message, url), counted by reason and host."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from server.durable import put
from server.fetching.guarded import NOT_PUBLIC, TOO_LARGE, TOO_SLOW

Outcome = Literal[
    "fetched",
    "dead_link",
    "hash_drift",
    "opted_out",
    "not_public",
    "too_large",
    "too_slow",
    "unreadable",
]
HASH_DRIFT = "hash mismatch"
REFUSED = "disallowed by X-Robots-Tag"
SAID: tuple[tuple[str, Outcome], ...] = (
    (HASH_DRIFT, "hash_drift"),
    (REFUSED, "opted_out"),
    (NOT_PUBLIC, "not_public"),
    (TOO_LARGE, "too_large"),
    (TOO_SLOW, "too_slow"),
    ("timed out", "too_slow"),
)
"""Parts of img2dataset's error messages, and of ours in guarded.py."""
HOSTS = pa.schema([("host", pa.string()), ("outcome", pa.string()), ("pairs", pa.int64())])
HOST = r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?(?P<host>\[[^\]]*\]|[^/?#:]*)"
SHARDS_AT_ONCE = 256


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """`by_host`: a table of HOSTS, most pairs first. `shards`: how many were counted."""

    by_host: pa.Table
    shards: int

    @property
    def pairs(self) -> int:
        return pc.sum(self.by_host["pairs"]).as_py() or 0

    @property
    def counts(self) -> Mapping[Outcome, int]:
        grouped = self.by_host.group_by("outcome").aggregate([("pairs", "sum")])
        found = dict(
            zip(grouped["outcome"].to_pylist(), grouped["pairs_sum"].to_pylist(), strict=True)
        )
        return {outcome: found.get(outcome, 0) for outcome in get_args(Outcome)}

    def worst_hosts(self, number: int) -> list[tuple[str, int, int]]:
        """(host, pairs that didn't come, of how many), most of them first."""
        lost = pc.if_else(pc.equal(self.by_host["outcome"], "fetched"), 0, self.by_host["pairs"])
        grouped = (
            self.by_host.append_column("lost", lost)
            .group_by("host")
            .aggregate([("lost", "sum"), ("pairs", "sum")])
            .sort_by([("lost_sum", "descending"), ("host", "ascending")])
            .filter(pc.field("lost_sum") > 0)
            .slice(0, number)
        )
        return [(row["host"], row["lost_sum"], row["pairs_sum"]) for row in grouped.to_pylist()]


def outcomes(tables: Iterable[Path]) -> Outcomes:
    """Of the shards whose tables these are."""
    counted = HOSTS.empty_table()
    waiting: list[pa.Table] = []
    shards = 0
    for path in tables:
        waiting.append(_of_shard(pq.read_table(path, columns=["url", "status", "error_message"])))
        shards += 1
        if len(waiting) == SHARDS_AT_ONCE:
            counted, waiting = _added([counted, *waiting]), []
    by_host = _added([counted, *waiting])
    return Outcomes(
        by_host=by_host.sort_by(
            [("pairs", "descending"), ("host", "ascending"), ("outcome", "ascending")]
        ),
        shards=shards,
    )


def keep(found: Outcomes, path: Path) -> None:
    part = path.with_name(path.name + ".part")
    pq.write_table(found.by_host, part)
    put(part, path)


def outcome_of(status: str, message: str | None) -> Outcome:
    if status == "success":
        return "fetched"
    if status == "failed_to_resize":
        return "unreadable"
    said = message or ""
    return next((outcome for part, outcome in SAID if part in said), "dead_link")


def _of_shard(table: pa.Table) -> pa.Table:
    hosts = pc.utf8_lower(pc.struct_field(pc.extract_regex(table["url"], HOST), "host"))
    said = zip(table["status"].to_pylist(), table["error_message"].to_pylist(), strict=True)
    found = [outcome_of(status, message) for status, message in said]
    return _added(
        [
            pa.table(
                {
                    "host": pc.fill_null(hosts, ""),
                    "outcome": pa.array(found, pa.string()),
                    "pairs": pa.repeat(pa.scalar(1, pa.int64()), table.num_rows),
                },
                schema=HOSTS,
            )
        ]
    )


def _added(tables: list[pa.Table]) -> pa.Table:
    grouped = pa.concat_tables(tables).group_by(["host", "outcome"]).aggregate([("pairs", "sum")])
    return grouped.rename_columns({"pairs_sum": "pairs"}).select(HOSTS.names)
