"""A tab at work for hours on the demo, in a real Chromium: does its memory stay flat, is nothing
lost? `make soak`, or python -m tests.soak --help."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import IO

import click

from server.cli.serving import auditor_beside
from tests.e2e.serving import ROOT, serving
from tests.soak import memory
from tests.soak.devtools import DevToolsError
from tests.soak.report import Report, Sample, report
from tests.soak.tab import Tab, TabError, open_tab
from tests.soak.trend import BLOCKS, WARM_UP
from tests.soak.work import Work, by_native_agent

SHARDS = ROOT / "build" / "demo-pool"
BUNDLE = ROOT / "static" / "models" / "demo-q8"
FOLDER = click.Path(file_okay=False, path_type=Path)
AT_WORK = ("starting", "testing", "running", "waiting")
"""Every few thousand pairs an engine proves itself again."""

LEAST_SAMPLES = 2 * BLOCKS / (1 - WARM_UP) + 2


@click.command(epilog="Example: python -m tests.soak --minutes 30 --out build/soak")
@click.option("--minutes", type=click.FloatRange(1), default=120, show_default=True)
@click.option("--rung", default="wasm", show_default=True, help="One of a tab.")
@click.option("--every", type=click.FloatRange(1), default=30, show_default=True, help="Seconds.")
@click.option("--shards", type=FOLDER, default=SHARDS, help="Tars to score again and again.")
@click.option("--bundle", type=FOLDER, default=BUNDLE, help="The model bundle.")
@click.option("--out", type=FOLDER, default=ROOT / "build" / "soak", help="For soak.json, .png.")
def soak(minutes: float, rung: str, every: float, shards: Path, bundle: Path, out: Path) -> None:
    """Status 0 if nothing was lost, no page failed and no memory grows. Needs Linux's /proc."""
    if not Path("/proc/self/status").is_file():
        raise click.ClickException("The soak reads the memory of processes from Linux's /proc.")
    if minutes * 60 / every < LEAST_SAMPLES:
        raise click.BadParameter(f"{minutes:g} minutes are too few for a sample each {every:g} s.")
    out.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="soak-", dir=out))
    try:
        found = run(minutes * 60, rung, every, shards, bundle, scratch, out)
    finally:
        shutil.rmtree(scratch)
    found.write(out)
    print("\n".join(found.lines()))
    print(f"{out / 'soak.json'}, {out / 'soak.png'}")
    raise SystemExit(0 if found.is_sound else 1)


def run(
    seconds: float, rung: str, every: float, shards: Path, bundle: Path, scratch: Path, out: Path
) -> Report:
    say("Scoring the shards with the native agent")
    native = by_native_agent(scratch / "native", shards=shards, bundle=bundle)
    work = Work(data=scratch / "tab", shards=shards, bundle=bundle)
    with (
        serving(scratch / "tab") as origin,
        # As `make run` has one: without it, results would wait for ever, and pile up.
        auditor_beside(work.settings),
        open_tab() as tab,
        (out / "samples.log").open("w") as log,
    ):
        tab.start(f"{origin}/?rung={rung}&power=full")
        samples = watch(tab, work, seconds, every, log)
        end(tab)
    if len(samples) < LEAST_SAMPLES:
        # It ended early, and there is no trend to tell: why it ended is what matters.
        raise click.ClickException("; ".join(tab.troubles) or "The run was too short.")
    say("Comparing what was stored")
    found = report(samples, work.losses(native), tab.troubles)
    work.database.close()
    return found


def watch(tab: Tab, work: Work, seconds: float, every: float, log: IO[str]) -> list[Sample]:
    """Samples until the time is over or the tab has died. Each is logged at once, for a run that is
    broken off."""
    began = time.monotonic()
    samples: list[Sample] = []
    while (at := time.monotonic() - began) < seconds:
        units = work.keep_ahead()
        try:
            if tab.phase not in AT_WORK:
                tab.troubles.append(f"after {at:.0f} s the tab was {tab.phase!r}")
                break
            sample = {"seconds": at, "units": float(units), **memory.of_tab(tab)}
        except DevToolsError as error:
            tab.troubles.append(f"after {at:.0f} s: {error}")
            break
        sample |= memory.of_processes()
        samples.append(sample)
        log.write(f"{sample}\n")
        log.flush()
        parts = ", ".join(
            f"{name.removesuffix('_mb')} {value:.0f}"
            for name, value in sample.items()
            if name.endswith("_mb")
        )
        say(f"{at / 60:6.1f} min: {units} units; MB: {parts}")
        time.sleep(max(0.0, every - (time.monotonic() - began - at)))
    return samples


def end(tab: Tab) -> None:
    try:
        tab.stop()
        tab.listen()
    except (DevToolsError, TabError) as error:
        tab.troubles.append(str(error))


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    soak()
