"""model_card.md: what a bundle is, what it costs and how faithful it is."""

from __future__ import annotations

from collections.abc import Mapping

from dva_agent.bundle import REFERENCE_RUNG, Manifest
from dva_agent.native.fidelity import PICTURE, TOPS, Fidelity, Figures
from dva_agent.protocol import Rung

from export.headroom import Headroom, table

CARD = "model_card.md"


def card(manifest: Manifest, fidelity: Fidelity | None, headroom: Headroom | None) -> str:
    """The text of model_card.md. `headroom`: None where there are no half graphs."""
    native = manifest.rung(REFERENCE_RUNG)
    size = sum(manifest.file(path).bytes for path in native.paths)
    spec = manifest.preprocessing
    parts = [
        f"# {manifest.name}",
        manifest.about,
        "\n".join(
            (
                "| | |",
                "| --- | --- |",
                f"| Made from | {manifest.model} |",
                f"| Weights | {manifest.weights}, both towers {size / 1e6:.1f} MB |",
                f"| Parameters | {manifest.parameters:,} |",
                f"| Arithmetic | {manifest.gflops_per_pair:.2f} GFLOPs a pair |",
                f"| Pictures | {spec.size} px, {spec.resize}, {spec.interpolation} |",
                f"| Captions | {manifest.tokenizer.context_length} tokens |",
                f"| Licence | [{manifest.licence.name}]({manifest.licence.url}), "
                f"{manifest.licence.attribution} |",
                f"| Bundle | `{manifest.bundle}` |",
            )
        ),
        "## Rungs",
        _rungs(manifest),
        "## How faithful it is",
        _faithful(fidelity),
    ]
    if headroom is not None:
        parts += ["## Room in fp16", table(headroom)]
    return "\n\n".join(parts) + "\n"


def _rungs(manifest: Manifest) -> str:
    head = "| rung | arithmetic | downloads | score within | embedding within |"
    rows = [
        f"| {rung} | {spec.arithmetic} "
        f"| {sum(manifest.file(path).bytes for path in spec.paths) / 1e6:.1f} MB "
        f"| {spec.tolerance.score:g} | {spec.tolerance.embedding:g} |"
        for rung, spec in manifest.rungs.items()
    ]
    derived: dict[str, list[str]] = {}
    for rung, spec in manifest.rungs.items():
        derived.setdefault(spec.tolerance.derived, []).append(rung)
    how = [f"- {', '.join(rungs)}: {told}" for told, rungs in derived.items()]
    table = "\n".join((head, "|" + " --- |" * 5, *rows))
    return "\n\n".join((table, "Within so much of the golden values:", "\n".join(how)))


def _faithful(fidelity: Fidelity | None) -> str:
    if fidelity is None:
        return (
            "Nobody has measured: the export was told to skip it. Don't cut a pool by this "
            "bundle's scores before somebody has."
        )
    verdict = "It passes its bar."
    if fidelity.missed:
        missed = "; ".join(fidelity.missed)
        verdict = f"**It does not pass its bar**, and was written by force: {missed}."
    told = (
        f"{fidelity.pairs:,} pairs of {fidelity.source} ({fidelity.skipped:,} more have no score), "
        f"scored by {fidelity.reference}, and by this bundle with DVA's own pixels and tokens "
        f"({fidelity.runtime}). The scores spread by {fidelity.score_spread:g}."
    )
    parts = [told, verdict, _table(fidelity.rungs)]
    if fidelity.apart:
        furthest = ", ".join(f"{rung} {apart:.1e}" for rung, apart in fidelity.apart.items())
        parts.append(
            "Each rung's graphs were run by native onnxruntime; what a browser's GPU adds, its "
            f"self-test bounds. Furthest from the native rung on one of these pairs: {furthest}."
        )
    return "\n\n".join((*parts, f"![]({PICTURE})"))


def _table(rungs: Mapping[Rung, Figures]) -> str:
    tops = "/".join(str(top) for top in TOPS)
    head = f"| rung | mean error | p99 | largest | bias | Pearson | Spearman | top {tops}% kept |"
    rows = [
        f"| {name} | {found.mean_error:.1e} | {found.p99_error:.1e} | {found.max_error:.1e} "
        f"| {found.bias:+.1e} | {found.pearson:.6f} | {found.spearman:.6f} "
        f"| {' / '.join(f'{100 * found.overlap[str(top)]:.1f}%' for top in TOPS)} |"
        for name, found in rungs.items()
    ]
    return "\n".join((head, "|" + " --- |" * 8, *rows))
