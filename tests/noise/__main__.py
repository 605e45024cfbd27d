"""One engine and rung against native fp32: python -m tests.noise --help."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
import numpy as np
from dva_agent.protocol import Rung

from tests.e2e.serving import ROOT
from tests.noise.browsers import BrowserName
from tests.noise.kept import keep
from tests.noise.roads import Made, RoadEnded, by_graphs, by_native, by_tab
from tests.noise.sample import Sample, take_sample

BROWSERS: dict[str, BrowserName] = {
    "chromium": "chromium",
    "chromium-swiftshader": "chromium",
    "firefox": "firefox",
    "firefox-lavapipe": "firefox",
}
NATIVE = {"native-alone": (True, 1), "native-unoptimised": (False, 8)}
"""engine -> (whether onnxruntime rewrites the graph, pairs in a batch)"""
RUNGS: tuple[Rung, ...] = (
    "native",
    "wasm",
    "webgpu-f32",
    "webgpu-f32-fused",
    "webgpu-f16",
    "webgpu-f16-fused",
)
FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command(epilog="Example: python -m tests.noise chromium-swiftshader webgpu-f32 --pairs 512")
@click.argument("engine", type=click.Choice([*NATIVE, *BROWSERS]))
@click.argument("rung", type=click.Choice(RUNGS))
@click.option("--bundle", type=FOLDER, default=ROOT / "static" / "models" / "demo-q8")
@click.option("--pairs", type=click.IntRange(8, 4000), default=512, show_default=True)
@click.option("--seconds", type=float, default=600, show_default=True, help="Of the whole tab.")
@click.option("--graphs", is_flag=True, help="The bundle's graphs alone, not the whole tab.")
def main(engine: str, rung: Rung, bundle: Path, pairs: int, seconds: float, graphs: bool) -> None:
    """Score pairs of the demo pool with ENGINE on RUNG, and keep the differences to native fp32
    in server/trust/noise."""
    scratch = Path(tempfile.mkdtemp(prefix="noise-"))
    try:
        sample = take_sample(scratch / "pool", bundle, pairs)
        found, how = make(sample, engine, rung, scratch, seconds, graphs)
        differences = keep(sample, engine, rung, found, how)
    except RoadEnded as error:
        raise click.ClickException(str(error)) from error
    finally:
        shutil.rmtree(scratch)
    click.echo(
        f"{engine} {rung}: {len(differences)} pairs, largest {np.abs(differences).max():.2e}, "
        f"rms {np.sqrt(np.mean(np.square(differences, dtype=np.float64))):.2e}"
    )


def make(
    sample: Sample, engine: str, rung: Rung, scratch: Path, seconds: float, graphs: bool
) -> Made:
    if (rung == "native") != (engine in NATIVE):
        raise click.BadParameter(f"{engine} has no rung {rung}.")
    if engine in NATIVE:
        optimised, at_once = NATIVE[engine]
        return by_native(sample, optimised=optimised, at_once=at_once)
    if graphs:
        return by_graphs(sample, rung, BROWSERS[engine], scratch)
    return by_tab(sample, rung, BROWSERS[engine], scratch, seconds)


if __name__ == "__main__":
    main()
