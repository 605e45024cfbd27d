"""Make a model bundle from a CLIP checkpoint: see --help."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import click
from dva_agent.errors import DvaError

try:
    from export.bundle_writer import Written, write_bundle
    from export.loading import load
    from export.weights import WEIGHTS, Kind
except ModuleNotFoundError as error:
    raise SystemExit(f"Error: {error.name} isn't installed. Run: make setup-dev") from error

EXAMPLES = """
\b
Examples:
  python export/build_onnx.py --model demo --weights q8 --out static/models/demo-q8
  python export/build_onnx.py --model ViT-B-16-quickgelu:dfn2b --weights q8 --out models/b16-q8
  python export/build_onnx.py --model hf-hub:apple/DFN5B-CLIP-ViT-H-14 --weights fp32 --out h14
  python export/build_onnx.py --model local-dir:checkpoints/mine --weights fp32 --out mine-fp32
  python export/build_onnx.py --model weights.safetensors --arch ViT-B-32 --weights q8 --out b32
  python export/build_onnx.py --model random:ViT-B-32 --weights fp32 --out /tmp/b32-random
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--model",
    required=True,
    help="NAME:TAG of open_clip, hf-hub:ID, local-dir:PATH, a file of weights (with --arch), "
    "demo, or random:NAME.",
)
@click.option("--arch", default=None, help="open_clip's architecture of a file of weights.")
@click.option("--weights", type=click.Choice(list(WEIGHTS)), default="q8", show_default=True)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The bundle's folder.")
@click.option("--replace", is_flag=True, help="Replace another bundle in that folder.")
def main(model: str, arch: str | None, weights: Kind, out: Path, replace: bool) -> None:
    """Write a model bundle: both towers as ONNX, tokenizer, golden pairs and manifest.

    The folder appears whole or not at all. The same input gives the same bundle id. Progress goes
    to stderr, the bundle id to stdout.
    """
    logging.disable(logging.WARNING)  # open_clip logs what the refusals below say better
    begun = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"[{time.monotonic() - begun:5.1f} s] {line}", err=True)

    try:
        say(f"loading {model}")
        loaded = load(model, arch=arch)
        written = write_bundle(loaded, kind=weights, out=out, replace=replace, say=say)
    except DvaError as error:
        raise click.ClickException(f"{error} {error.next_step}") from error
    _report(written, out)
    click.echo(written.manifest.bundle)


def _report(written: Written, out: Path) -> None:
    manifest = written.manifest
    size = sum(entry.bytes for entry in manifest.files)
    lines = (
        str(written.comparison),
        f"{manifest.parameters:,} parameters, {manifest.gflops_per_pair:.3f} GFLOPs a pair "
        "(2 x multiply-adds of both towers at full context)",
        f"tolerance: score {manifest.tolerance.score:g}, "
        f"embedding {manifest.tolerance.embedding:g}",
        f"{out}: {size / 1e6:.1f} MB, "
        + ("written" if written.fresh else "was there already, unchanged"),
    )
    for line in lines:
        click.echo(f"          {line}", err=True)


if __name__ == "__main__":
    main()
