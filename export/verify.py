"""How far a bundle is from open_clip in torch.

    python export/verify.py --model demo --bundle static/models/demo-q8

prints the largest and the mean difference over the golden pairs. For fp32 weights the largest
score difference must be at most 1e-5; for q8 it is what quantizing costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from dva_agent.bundle import MANIFEST, decode_golden, decode_manifest
from dva_agent.errors import DvaError

from export.errors import BundleRefused
from export.expected import Towers, expected
from export.hub import Hub, commit_of
from export.loaded import Loaded
from export.loading import load
from export.reference import (
    Embeddings,
    Inputs,
    reference_embeddings,
    reference_inputs,
    scores,
)

FP32_LIMIT = 1e-5
"""How far a score of an fp32 bundle may be from torch's."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Absolute differences from torch in fp32, over the golden pairs."""

    largest_score: float
    mean_score: float
    largest_embedding: float
    spread: float
    """Standard deviation of torch's scores: what the differences are to be seen against."""

    def __str__(self) -> str:
        return (
            f"score difference from torch: largest {self.largest_score:.1e}, mean "
            f"{self.mean_score:.1e} (scores spread by {self.spread:.3f}); "
            f"embeddings: largest {self.largest_embedding:.1e}"
        )


def compare(loaded: Loaded, inputs: Inputs, images: Embeddings, texts: Embeddings) -> Comparison:
    """Embeddings of a bundle, [N, D] each, against those of the network it was made from."""
    true_images, true_texts = reference_embeddings(loaded, inputs)
    true_scores = scores(true_images, true_texts)
    difference = np.abs(scores(images, texts) - true_scores)
    return Comparison(
        largest_score=float(difference.max()),
        mean_score=float(difference.mean()),
        largest_embedding=float(
            max(np.abs(images - true_images).max(), np.abs(texts - true_texts).max())
        ),
        spread=float(true_scores.std()),
    )


def verify(loaded: Loaded, folder: Path) -> Comparison:
    """Run a bundle's own golden files through torch and through its towers. Raises BundleError,
    and BundleRefused if an fp32 bundle is too far off."""
    manifest = decode_manifest((folder / MANIFEST).read_bytes())
    golden = decode_golden((folder / manifest.golden_path).read_bytes(), manifest)
    inputs = reference_inputs(
        loaded,
        [(folder / pair.image).read_bytes() for pair in golden.pairs],
        [pair.caption for pair in golden.pairs],
    )
    found = expected(Towers(folder), inputs)
    comparison = compare(loaded, inputs, found.images, found.texts)
    if manifest.weights == "fp32" and comparison.largest_score > FP32_LIMIT:
        raise BundleRefused(f"Not the same model: {comparison}.")
    return comparison


@click.command()
@click.option("--model", required=True, help="What the bundle was made from.")
@click.option("--arch", default=None, help="open_clip's architecture, if --model is a file.")
@click.option(
    "--bundle", required=True, type=click.Path(path_type=Path, exists=True, file_okay=False)
)
def main(model: str, arch: str | None, bundle: Path) -> None:
    """Compare a bundle with open_clip in torch, on the bundle's golden pairs. What was downloaded
    is taken from the commit that the bundle was made from."""
    try:
        manifest = decode_manifest((bundle / MANIFEST).read_bytes())
        hub = Hub(revision=commit_of(manifest.model))
        accepted = manifest.licence.accepted
        click.echo(str(verify(load(model, arch=arch, accept_licence=accepted, hub=hub), bundle)))
    except DvaError as error:
        raise click.ClickException(f"{error} {error.next_step}") from error


if __name__ == "__main__":
    main()
