"""`dva doctor`."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from server.cli.options import address_options, data_options
from server.config import CHECKOUT
from server.doctor.examine import examine
from server.doctor.finding import Finding

MARKS = {"ok": "ok     ", "warning": "warning", "problem": "PROBLEM"}


@click.command(epilog="Example: dva doctor --data data")
@data_options
@address_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
def doctor(data: Path | None, database: str | None, host: str, port: int, as_json: bool) -> None:
    """Check this machine and this set-up, and say what to do. Changes nothing; exit status 1 if
    something has to be mended."""
    findings = []
    for finding in examine(
        CHECKOUT, os.environ, host=host, port=port, data_folder=data, database=database
    ):
        findings.append(finding)
        if not as_json:
            _tell(finding)
    problems = sum(finding.state == "problem" for finding in findings)
    if as_json:
        told = {"ok": problems == 0, "findings": findings}
        click.echo(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        warnings = sum(finding.state == "warning" for finding in findings)
        click.echo(f"{len(findings)} checks: {problems} problems, {warnings} warnings.")
    if problems:
        raise click.exceptions.Exit(1)


def _tell(finding: Finding) -> None:
    click.echo(f"{MARKS[finding.state]}  {finding.check}: {finding.says}")
    if finding.do:
        click.echo(f"{'':9}-> {finding.do}")
