"""Make a model bundle from a CLIP checkpoint: see --help."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click
from dva_agent.errors import DvaError
from dva_agent.native.fidelity import FEWEST
from tqdm import tqdm


def _without(error: ModuleNotFoundError) -> SystemExit:
    return SystemExit(f"Error: {error.name} isn't installed. Run: make setup-dev")


try:
    from export.kinds import DEFAULT, KINDS
    from export.listing import records, table
    from export.progress import bars
    from export.weights import Kind
except ModuleNotFoundError as error:
    raise _without(error) from error

if TYPE_CHECKING:
    from dva_agent.native.pairs import Pair

    from export.bundle_writer import Written
    from export.fidelity import Proof
    from export.loaded import Loaded
    from export.reference import Inputs

EXAMPLES = """
\b
Examples:
  python export/build_onnx.py --list
  python export/build_onnx.py --model demo --weights q8 --out static/models/demo-q8
  python export/build_onnx.py --model ViT-B-16-quickgelu:dfn2b --accept-license --out models/b16
  python export/build_onnx.py --model hf-hub:apple/DFN-public --revision COMMIT \\
      --accept-license --out models/dfn
  python export/build_onnx.py --model local-dir:checkpoints/mine --weights fp32 \\
      --accept-license --out mine-fp32
  python export/build_onnx.py --model weights.safetensors --arch ViT-B-32 --accept-license \\
      --out b32
  python export/build_onnx.py --model random:ViT-B-32 --weights fp32 --out /tmp/b32-random
"""


WEIGHTS = "\n".join(
    ("\b", "Weights:", *(f"  {kind:8} {each.about}" for kind, each in KINDS.items()))
)


@click.command(epilog=f"{WEIGHTS}\n\n{EXAMPLES}")
@click.option(
    "--list",
    "listing",
    is_flag=True,
    help="Show the DFN checkpoints: size, work a pair, licence, what for. Then stop.",
)
@click.option("--json", "as_json", is_flag=True, help="With --list: as JSON.")
@click.option(
    "--model",
    default="",
    help="NAME:TAG of open_clip, hf-hub:ID, local-dir:PATH, a file of weights (with --arch), "
    "demo, or random:NAME.",
)
@click.option("--arch", default=None, help="open_clip's architecture of a file of weights.")
@click.option("--revision", default="", help="Branch, tag or commit of what is downloaded.")
@click.option(
    "--accept-license",
    is_flag=True,
    help="Say that you have read and accept the licence of the weights; without it, it is shown.",
)
@click.option(
    "--weights",
    type=click.Choice(list(KINDS)),
    default=DEFAULT,
    show_default=True,
    help="How weights are stored: see below.",
)
@click.option(
    "--calibrate",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="WebDataset shards by whose first pairs blocks are rounded, so that errors cancel; if "
    "they are those of --pairs, by pairs that aren't measured on. [default: the demo pool, for "
    "4-bit weights of the demo; else none]",
)
@click.option("--out", type=click.Path(path_type=Path), help="The bundle's folder.")
@click.option("--replace", is_flag=True, help="Replace another bundle in that folder.")
@click.option(
    "--pairs",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="WebDataset shards to measure fidelity on. [default: the demo pool, if it was made]",
)
@click.option(
    "--limit",
    type=click.IntRange(FEWEST),
    default=1000,
    show_default=True,
    help="Measure on so many pairs at most.",
)
@click.option("--force", is_flag=True, help="Write a bundle that misses its bar, marked as such.")
@click.option("--unmeasured", is_flag=True, help="Don't measure fidelity; the card says so.")
def main(
    *,
    listing: bool,
    as_json: bool,
    model: str,
    arch: str | None,
    revision: str,
    accept_license: bool,
    weights: Kind,
    calibrate: Path | None,
    out: Path | None,
    replace: bool,
    pairs: Path | None,
    limit: int,
    force: bool,
    unmeasured: bool,
) -> None:
    """Write a model bundle: both towers as ONNX, tokenizer, golden pairs, manifest, and a card that
    says how faithful its scores are to open_clip's.

    The folder appears whole or not at all. The same input gives the same bundle id. Progress goes
    to stderr, the bundle id to stdout.
    """
    if listing:
        click.echo(json.dumps(records(), indent=1) if as_json else table())
        return
    if not model or out is None or as_json:
        raise click.UsageError("Give --model and --out, or --list and perhaps --json.")
    try:  # torch takes seconds to come, which --help and --list don't need
        from export.bundle_writer import write_bundle
        from export.hub import Hub
        from export.loading import load
    except ModuleNotFoundError as error:
        raise _without(error) from error
    logging.disable(logging.WARNING)  # open_clip logs what the refusals below say better
    begun = time.monotonic()

    def say(line: str) -> None:
        click.echo(f"[{time.monotonic() - begun:5.1f} s] {line}", err=True)

    try:
        say(f"loading {model}")
        loaded = load(
            model,
            arch=arch,
            accept_licence=accept_license,
            hub=Hub(revision=revision, say=say),
        )
        say(f"licence: {loaded.licence.name} {loaded.licence.url}".rstrip())
        shards = pairs or _demo_pool()
        calibrate = _to_calibrate_on(loaded, weights, calibrate, say)
        inputs = None
        if calibrate is not None:
            say(f"calibrating on {calibrate.resolve().name}")
            inputs, limit = calibrating_inputs(loaded, calibrate, shards, limit)
        with _proof(None if unmeasured else shards, limit, force) as proof, bars() as progress:
            written = write_bundle(
                loaded,
                kind=weights,
                out=out,
                replace=replace,
                say=say,
                proof=proof,
                calibrate=inputs,
                progress=progress,
            )
    except DvaError as error:
        raise click.ClickException(f"{error} {error.next_step}") from error
    _report(written, out)
    click.echo(written.manifest.bundle)


def _demo_pool() -> Path | None:
    """The pool that `make setup` makes."""
    folder = Path(__file__).resolve().parents[1] / "build" / "demo-pool"
    return folder if folder.is_dir() else None


def _to_calibrate_on(
    loaded: Loaded, kind: Kind, folder: Path | None, say: Callable[[str], None]
) -> Path | None:
    """The shards by whose pairs weights of that kind are rounded."""
    if kind in ("fp32", "fp16"):
        if folder is not None:
            raise click.UsageError(f"--calibrate is for weights in blocks, not for {kind}.")
        return None
    if KINDS[kind].calibrated:
        say(f"{kind} becomes a default only once real weights pass its bar: see fidelity.json")
        if folder is None and loaded.demo:
            folder = _demo_pool()
        if folder is None:
            say("each number is rounded by itself: --calibrate SHARDS would halve the error")
    return folder


def calibrating_inputs(
    loaded: Loaded, folder: Path, measured: Path | None, limit: int
) -> tuple[Inputs, int]:
    """The pairs to calibrate on, and how many of the `measured` shards' first ones are left to
    measure fidelity on: never the same."""
    from dva_agent.native.pairs import read_pairs

    from export.calibration import apart, calibration_inputs

    pairs: Iterable[Pair] = read_pairs(folder)
    if measured is not None and measured.samefile(folder):
        pairs, limit = apart(pairs, measured=limit)
    return calibration_inputs(loaded, pairs), limit


@contextmanager
def _proof(folder: Path | None, limit: int, force: bool) -> Iterator[Proof | None]:
    """What to measure on, with a progress bar; None without a folder."""
    if folder is None:
        yield None
        return
    from dva_agent.native.pairs import read_pairs

    from export.fidelity import Proof

    with tqdm(total=limit, unit="pair", desc="fidelity", disable=None, delay=1) as bar:
        yield Proof(
            pairs=islice(read_pairs(folder), limit),
            source=folder.resolve().name,
            force=force,
            progress=lambda done: bar.update(done - bar.n),
        )


def _report(written: Written, out: Path) -> None:
    manifest = written.manifest
    size = sum(entry.bytes for entry in manifest.files)
    lines = (
        str(written.comparison),
        f"{manifest.parameters:,} parameters, {manifest.gflops_per_pair:.3f} GFLOPs a pair "
        "(2 x multiply-adds of both towers at full context)",
        _faithful(written),
        *(
            f"{rung}: score within {spec.tolerance.score:g}, embedding within "
            f"{spec.tolerance.embedding:g} of the golden values"
            for rung, spec in manifest.rungs.items()
        ),
        f"{out}: {size / 1e6:.1f} MB, "
        + ("written" if written.fresh else "was there already, unchanged"),
    )
    for line in lines:
        click.echo(f"          {line}", err=True)


def _faithful(written: Written) -> str:
    if written.fidelity is None:
        return "fidelity: not measured"
    found = written.fidelity.rungs["native"]
    return (
        f"fidelity on {written.fidelity.pairs:,} pairs: largest error {found.max_error:.1e}, "
        f"Spearman {found.spearman:.6f}, {100 * found.overlap['15']:.1f}% of the top 15% kept"
    )


if __name__ == "__main__":
    main()
