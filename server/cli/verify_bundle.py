"""`dva verify-bundle`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from tqdm import tqdm

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command(epilog="Example: dva verify-bundle static/models/demo-q8 --pairs build/demo-pool")
@click.argument("folder", type=FOLDER)
@click.option("--pairs", type=FOLDER, help="The shards its fidelity was measured on.")
def verify_bundle(folder: Path, pairs: Path | None) -> None:
    """Check a model bundle again: every file, every golden pair and, with --pairs, how faithful its
    scores are to open_clip's. Needs no torch and changes nothing."""
    # Here, because the other commands run without onnxruntime.
    from dva_agent.native import verification

    manifest = verification.open_bundle(folder)
    total = sum(entry.bytes for entry in manifest.files)
    with tqdm(total=total, unit="B", unit_scale=True, desc="files", disable=None) as bar:
        verification.check_files(folder, manifest, progress=lambda size: bar.update(size))
    click.echo(f"{manifest.name}, bundle {manifest.bundle}")
    click.echo(f"files      {len(manifest.files)}, {total:,} bytes, as the manifest has them")
    for rung in manifest.distinct:
        golden = asyncio.run(verification.check_golden(folder, manifest, rung))
        tolerance = manifest.rung(rung).tolerance
        click.echo(
            f"golden     {golden.pairs} pairs, {rung}: ids and pixels equal; scores within "
            f"{golden.score_difference:.1e} of {tolerance.score:.1e}, embeddings within "
            f"{golden.embedding_difference:.1e} of {tolerance.embedding:.1e}"
        )
    told = verification.read_fidelity(folder, manifest)
    if told is None:
        click.echo("fidelity   not measured when the bundle was written")
        return
    found, how = told.rungs, "as it says of itself; --pairs measures again"
    if pairs is not None:
        with tqdm(total=told.pairs, unit="pair", desc="pairs", disable=None) as bar:
            found = verification.check_fidelity(
                folder, manifest, told, pairs, progress=lambda done: bar.update(done - bar.n)
            )
        how = "measured again"
    click.echo(f"fidelity   {told.pairs:,} pairs of {told.source}, {how}")
    for rung, each in found.items():
        click.echo(
            f"           {rung}: errors mean {each.mean_error:.1e}, p99 {each.p99_error:.1e}, "
            f"largest {each.max_error:.1e}; Spearman {each.spearman:.6f}; "
            f"{100 * each.overlap['15']:.1f}% of the top 15% kept"
        )
    for clause in told.missed:
        click.echo(f"           MISSES ITS BAR, written by force: {clause}")
