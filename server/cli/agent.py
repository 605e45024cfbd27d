"""`dva agent`."""

from __future__ import annotations

from pathlib import Path

import click

from server.cli.options import FOLDER, checked_server, identity_option


@click.command(epilog="Example: dva agent --server http://127.0.0.1:8000 --units 3")
@click.option("--server", required=True, callback=checked_server, help="The server's address.")
@click.option("--units", type=click.IntRange(1), help="Stop after so many units.")
@click.option("--pool", help="Work on this pool only.")
@click.option("--threads", type=click.IntRange(0), default=0, help="0 lets onnxruntime choose.")
@click.option("--cache", type=FOLDER, help="Where models are kept.")
@identity_option
def agent(
    server: str,
    units: int | None,
    pool: str | None,
    threads: int,
    cache: Path | None,
    identity: Path | None,
) -> None:
    """Score pairs on this machine until the server has no more of them. Ctrl-C ends politely."""
    # Here, because the other commands run without onnxruntime.
    from dva_agent.native.agent import run_native_agent

    done = run_native_agent(
        server, units=units, pool=pool, threads=threads, cache=cache, identity=identity
    )
    if done.ending == "stopped":
        raise click.exceptions.Exit(130)
