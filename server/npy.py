"""`.npy` files that somebody sent: nothing of what they say of themselves is believed."""

from __future__ import annotations

from pathlib import Path
from tokenize import TokenError

import numpy as np
import numpy.typing as npt


def read_rows(path: Path, layout: np.dtype[np.void]) -> npt.NDArray[np.void]:
    """Rows of this layout, one dimension, mapped: no more is taken to be there than the file has.
    Raises OSError, and ValueError for whatever else it is."""
    try:
        # Sizes that overflow are refused a line later.
        with np.errstate(over="ignore"):
            # Not numpy.load, which opens archives too.
            found: npt.NDArray[np.void] = np.asarray(np.lib.format.open_memmap(path, mode="r"))
    except (OverflowError, RecursionError, TokenError, TypeError) as error:
        # What numpy makes of a header's shape, and of how deep it is nested.
        raise ValueError(f"its header can't be read: {error}") from error
    if found.dtype != layout or found.ndim != 1:
        raise ValueError(f"it has {found.ndim} dimensions of {found.dtype}, not one of {layout}")
    return found
