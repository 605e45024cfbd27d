"""DataComp's uids: 32 hex digits, two 64-bit halves in its published layout."""

from __future__ import annotations

import binascii
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from server.errors import SelectionError
from server.npy import read_rows
from server.selection.sorting import Words

DIGITS = 32
LAYOUT = np.dtype("u8,u8")
"""What DataComp's resharder reads: sorted, with numpy.save."""
_HEX = re.compile(r"[0-9A-Fa-f]{32}")


def halves(uids: pa.Array) -> tuple[Words, Words]:
    """Of strings. Raises SelectionError where one isn't 32 hex digits."""
    odd = uids.filter(pc.fill_null(pc.not_equal(pc.binary_length(uids), DIGITS), True))
    if len(odd):
        raise _odd(odd[0].as_py())
    # All have one length, so their bytes lie side by side, wherever the first begins.
    wide = uids.cast(pa.large_string())
    first = int(np.frombuffer(wide.buffers()[1], np.int64)[wide.offset]) if len(wide) else 0
    text = memoryview(wide.buffers()[2] or b"")[first : first + DIGITS * len(wide)]
    try:
        words = np.frombuffer(binascii.unhexlify(text), ">u8").astype(np.uint64)
    except ValueError as error:
        raise next(_odd(uid) for uid in uids.to_pylist() if not _HEX.fullmatch(uid)) from error
    return words[::2], words[1::2]


def read_layout(path: Path) -> npt.NDArray[np.void]:
    """An .npy in DataComp's layout. Raises OSError, and ValueError for what it isn't."""
    return read_rows(path, LAYOUT)


def joined(high: Words, low: Words) -> npt.NDArray[np.void]:
    """In DataComp's layout."""
    table = np.empty(len(high), LAYOUT)
    table["f0"], table["f1"] = high, low
    return table


def plain(high: Words, low: Words) -> bytes:
    """16 bytes each, big-endian: what a Merkle tree's leaves are made of, and what the hex digits
    say."""
    return np.column_stack((high, low)).astype(">u8").tobytes()


def strings(high: Words, low: Words) -> pa.Array:
    """Up to 2^26 of them."""
    text = binascii.hexlify(plain(high, low))
    offsets = np.arange(0, len(text) + 1, DIGITS, dtype=np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(text)]
    return pa.Array.from_buffers(pa.string(), len(high), buffers)


def _odd(uid: object) -> SelectionError:
    return SelectionError(
        f"{uid!r} isn't a uid of 32 hex digits, so DataComp's layout can't hold it.",
        code="uid_invalid",
    )
