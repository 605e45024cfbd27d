"""An epoch's statement: one line of text for each contributor, a root over all, and proofs.

The lines are what is published and what is hashed, byte for byte, so that whoever has the file, or
one line and its proof, can check it without this server: `dva epoch verify`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dva_agent.credit import CreditProof
from dva_agent.errors import MessageError
from dva_agent.protocol import decode

from server.credit import merkle
from server.errors import EpochError

HEADER = "epoch,contributor,earned,balance,payout"
_LINE = re.compile(r"\d{1,9},[0-9a-f]{32},-?\d{1,19},-?\d{1,19},[\w:.-]{0,128}", re.ASCII)
ALTERED = "Don't trust this copy: get another from whoever published it, and the root elsewhere."


@dataclass(frozen=True, kw_only=True)
class Line:
    """`earned`: credits confirmed in the epoch, less those revoked in it. `balance`: all that the
    contributor has at its end. `payout`: the address that was attached then, or ""."""

    epoch: int
    contributor: str
    earned: int
    balance: int
    payout: str

    def text(self) -> str:
        return f"{self.epoch},{self.contributor},{self.earned},{self.balance},{self.payout}"


def csv(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in (HEADER, *lines)).encode("ascii")


def leaves(lines: Sequence[str]) -> list[bytes]:
    return [merkle.leaf(line.encode("ascii")) for line in lines]


def verify(content: bytes, root: str) -> str:
    """What a statement's file, or one contributor's proof, says, in a sentence. Raises EpochError
    unless it leads to this root (64 hex digits)."""
    if content.startswith(b"{"):
        return _verify_proof(content, root)
    lines = _lines_of(content)
    found = merkle.root(leaves(lines)).hex()
    if found != root:
        raise EpochError(f"The file's root is {found}, not {root}.", next_step=ALTERED)
    return f"{len(lines)} contributors, as the root says"


def _verify_proof(content: bytes, root: str) -> str:
    try:
        proof = decode(content, CreditProof)
        hashes = [bytes.fromhex(each) for each in proof.path]
        line = proof.line.encode("ascii")
    except (MessageError, ValueError) as error:
        raise EpochError(f"This is no proof: {error}", next_step=ALTERED) from error
    if not _LINE.fullmatch(proof.line) or any(len(each) != 32 for each in hashes):
        raise EpochError("This is no proof: a line or a hash has the wrong form.")
    found = merkle.root_by(merkle.leaf(line), proof.index, proof.contributors, hashes)
    if found is None or found.hex() != root:
        raise EpochError(f"The proof doesn't lead to the root {root}.", next_step=ALTERED)
    if not proof.line.startswith(f"{proof.epoch},"):
        raise EpochError("The proof's line is of another epoch.", next_step=ALTERED)
    return f"{proof.line}, as the root says"


def _lines_of(content: bytes) -> list[str]:
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError as error:
        raise EpochError("The file isn't a statement: it isn't ASCII.") from error
    header, *lines = text.split("\n")
    if header != HEADER or not lines or lines.pop() != "":
        raise EpochError(f"The file isn't a statement: its lines don't begin with {HEADER}.")
    for number, line in enumerate(lines, start=2):
        if not _LINE.fullmatch(line):
            raise EpochError(f"The file isn't a statement: line {number} has the wrong form.")
    return lines
