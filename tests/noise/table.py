"""The table of docs/trust.md: python -m tests.noise.table."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from server.trust.noise import Noise, recorded

HEAD = (
    "| bundle | engine | rung | pairs | largest | rms | mean | spread of true scores "
    "| spread / largest |"
)


def table(noises: Iterable[Noise]) -> str:
    """In Markdown, a line an engine. The spread is the standard deviation."""
    return "\n".join([HEAD, "| --- " * HEAD.count(" | ") + "| --- |", *map(_line, noises)])


def _line(noise: Noise) -> str:
    differences = noise.differences.astype(np.float64)
    largest = np.abs(differences).max()
    spread = noise.truth.astype(np.float64).std()
    cells = (
        *(noise.bundle, noise.engine, noise.rung, str(len(differences))),
        f"{largest:.1e}",
        f"{np.sqrt(np.mean(differences**2)):.1e}",
        f"{differences.mean():+.1e}",
        f"{spread:.3f}",
        f"{spread / largest:,.0f}",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    print(table(recorded()))
