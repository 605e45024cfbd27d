"""From the name of a model to a network that open_clip has built, with all that goes with it.

ViT-B-16-quickgelu:dfn2b       an open_clip name and tag
hf-hub:apple/DFN2B-CLIP-...    a Hugging Face id with an open_clip_config.json
local-dir:PATH                 a folder with open_clip_config.json and weights
PATH --arch NAME               a file of weights for one of open_clip's architectures
demo                           the demo network of this repository
random:ViT-B-32                an architecture with seeded random weights, for tests
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import torch
from dva_agent.bundle import Preprocessing
from torch import nn

from export.checkpoints import Checkpoint, by_hub, by_tag
from export.errors import CheckpointRefused, TowerUnsupported
from export.licence import LicenceText, demo_licence, folder_licence, hub_licence, no_licence
from export.merges import merges_of
from export.openclip import open_clip

T = TypeVar("T")

DEMO_FOLDER = Path(__file__).parent / "demo" / "checkpoint"
DEMO_ABOUT = (
    "A small demo model that knows emoji artwork and its names, and little else: it is there to "
    "show the whole system at work. On photographs its scores mean next to nothing."
)
RANDOM_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A CLIP in fp32, ready for inference."""

    model: nn.Module
    name: str
    """For people."""
    source: str
    """Manifest.model: without anybody's folders in it."""
    about: str
    demo: bool
    preprocessing: Preprocessing
    merges: tuple[str, ...]
    context_length: int
    vocab_size: int
    licence: LicenceText


def load(model: str, *, arch: str | None = None) -> Loaded:
    """Read what `model` names (see above). Raises CheckpointRefused, TowerUnsupported."""
    kind, _, rest = model.partition(":")
    if model == "demo":
        return _load_folder(DEMO_FOLDER, demo=True)
    if kind == "local-dir" and rest:
        return _load_folder(Path(rest), demo=False)
    if kind == "hf-hub" and rest:
        return _load_hub(rest)
    if kind == "random" and rest:
        return _load_random(rest)
    if Path(model).is_file():
        return _load_file(Path(model), arch)
    if rest:
        return _load_tag(kind, rest)
    raise CheckpointRefused(
        f"There is no file '{model}', and it isn't a model's name and tag either.",
        next_step="Give NAME:TAG, hf-hub:ID, local-dir:PATH, a file with --arch, or demo.",
    )


def _load_tag(arch: str, tag: str) -> Loaded:
    _check_arch(arch)
    facts = open_clip.pretrained.get_pretrained_cfg(arch, tag)
    if not facts:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(arch)) or "none"
        raise CheckpointRefused(
            f"open_clip knows no weights '{tag}' for {arch}.", next_step=f"It knows: {tags}."
        )
    _check_activation(arch, tag, trained_quick=bool(facts.get("quick_gelu", False)))
    known = by_tag(arch, tag)
    network = _build(
        lambda: open_clip.create_model(arch, pretrained=tag, require_pretrained=True),
        what=f"{arch}:{tag}",
    )
    hub = str(facts.get("hf_hub", "")).rstrip("/")
    return _loaded(
        network,
        config=open_clip.get_model_config(arch),
        name=f"{arch} {tag}",
        source=f"{arch}:{tag}",
        known=known,
        licence=hub_licence(hub, known) if hub else no_licence(f"{arch}:{tag}"),
    )


def _load_hub(hub: str) -> Loaded:
    name = f"hf-hub:{hub}"
    config = _ask(lambda: open_clip.get_model_config(name), what=name)
    known = by_hub(hub)
    if known is not None and bool(config.get("quick_gelu", False)) != known.quick_gelu:
        raise CheckpointRefused(
            f"The configuration of {hub} says quick_gelu={not known.quick_gelu}, but these weights "
            f"were trained with quick_gelu={known.quick_gelu}.",
            next_step=f"Use --model {known.arch}:{known.tag}.",
        )
    network = _build(lambda: open_clip.create_model(name, require_pretrained=True), what=name)
    return _loaded(
        network, config=config, name=hub, source=name, known=known, licence=hub_licence(hub, known)
    )


def _load_folder(folder: Path, *, demo: bool) -> Loaded:
    if not (folder / "open_clip_config.json").is_file():
        raise CheckpointRefused(
            f"{folder} holds no open_clip_config.json.",
            next_step="Train it with python -m export.demo.train." if demo else "Check the path.",
        )
    name = f"local-dir:{folder}"
    network = _build(
        lambda: open_clip.create_model(name, require_pretrained=True), what=str(folder)
    )
    label = "demo" if demo else folder.resolve().name
    return _loaded(
        network,
        config=open_clip.get_model_config(name),
        name="DVA emoji demo" if demo else label,
        source=label,
        known=None,
        licence=demo_licence(folder) if demo else folder_licence(folder, label),
        demo=demo,
        merges_file=folder / "merges.txt",
    )


def _load_file(path: Path, arch: str | None) -> Loaded:
    if arch is None:
        raise CheckpointRefused(
            f"{path} is a file of weights, which doesn't say what network they are for.",
            next_step="Name one of open_clip's architectures, such as --arch ViT-B-16-quickgelu.",
        )
    _check_arch(arch)
    network = _build(
        lambda: open_clip.create_model(arch, pretrained=str(path), require_pretrained=True),
        what=str(path),
    )
    return _loaded(
        network,
        config=open_clip.get_model_config(arch),
        name=f"{arch} {path.name}",
        source=path.name,
        known=None,
        licence=folder_licence(path.parent, path.name),
    )


def _load_random(arch: str) -> Loaded:
    _check_arch(arch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = _build(lambda: open_clip.create_model(arch), what=arch)
    return _loaded(
        network,
        config=open_clip.get_model_config(arch),
        name=f"{arch} with random weights",
        source=f"random:{arch}",
        known=None,
        about="Random weights: the true size and speed of a model, and meaningless scores.",
        licence=LicenceText(
            name="CC0-1.0",
            url="https://creativecommons.org/publicdomain/zero/1.0/",
            attribution="random numbers",
            text="These weights are random numbers; nobody claims any right in them (CC0-1.0).\n",
        ),
    )


def _check_arch(arch: str) -> None:
    if arch not in open_clip.list_models():
        raise CheckpointRefused(
            f"open_clip has no architecture '{arch}'.",
            next_step="python -c 'import open_clip; print(open_clip.list_models())' lists them.",
        )


def _check_activation(arch: str, tag: str, *, trained_quick: bool) -> None:
    """open_clip only warns here, and the scores come out wrong."""
    built_quick = bool(open_clip.get_model_config(arch).get("quick_gelu", False))
    if built_quick == trained_quick:
        return
    right = f"{arch}-quickgelu" if trained_quick else arch.removesuffix("-quickgelu")
    raise CheckpointRefused(
        f"'{tag}' was trained with {'QuickGELU' if trained_quick else 'GELU'}, but {arch} computes "
        f"with {'QuickGELU' if built_quick else 'GELU'}.",
        next_step=f"Use --model {right}:{tag}.",
    )


def _build(create: Callable[[], nn.Module], *, what: str) -> nn.Module:
    return _ask(create, what=what).to(torch.float32).eval()


def _ask(question: Callable[[], T], *, what: str) -> T:
    """open_clip's answer, or a refusal with its reason."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="QuickGELU mismatch")
            return question()
    except Exception as error:  # open_clip raises anything from OSError to KeyError here
        raise _refusal(error, what) from error


def _refusal(error: Exception, what: str) -> CheckpointRefused:
    """One sentence for what went wrong."""
    reason = str(error)
    if any(word in reason for word in ("download", "onnection", "resolve", "offline", "HF Hub")):
        return CheckpointRefused(
            f"{what} could not be downloaded: no answer from its host, and it is not in the cache.",
            next_step="Check the connection, or give a file downloaded elsewhere, with --arch.",
        )
    if "size mismatch" in reason or "Missing key" in reason or "Unexpected key" in reason:
        return CheckpointRefused(
            f"The weights of {what} are not those of the architecture they were given for.",
            next_step="Check --arch, or open_clip_config.json.",
        )
    first = (reason.strip().splitlines() or ["no reason given"])[0][:300]
    return CheckpointRefused(f"open_clip could not load {what}: {type(error).__name__}: {first}")


def _loaded(
    model: nn.Module,
    *,
    config: dict[str, Any],
    name: str,
    source: str,
    known: Checkpoint | None,
    licence: LicenceText,
    about: str = "",
    demo: bool = False,
    merges_file: Path | None = None,
) -> Loaded:
    for label, parameter in model.named_parameters():
        if not torch.isfinite(parameter).all():
            raise CheckpointRefused(f"The weights of {source} are not finite: {label}.")
    preprocessing = _preprocessing(model)
    if known is not None and (preprocessing.size, preprocessing.resize) != (
        known.size,
        known.resize,
    ):
        raise CheckpointRefused(
            f"open_clip prepares pictures for {source} as {preprocessing.size} px "
            f"{preprocessing.resize}, but it was made for {known.size} px {known.resize}.",
            next_step="Use the open_clip version that requirements/torch.txt names.",
        )
    text = config["text_cfg"]
    vocabulary = int(text["vocab_size"])
    if demo:
        about = DEMO_ABOUT
    return Loaded(
        model=model,
        name=name,
        source=source,
        about=about or (known.about if known else f"{name}: nobody has said what it is good for."),
        demo=demo,
        preprocessing=preprocessing,
        merges=merges_of(text, vocabulary, merges_file),
        context_length=int(text["context_length"]),
        vocab_size=vocabulary,
        licence=licence,
    )


def _preprocessing(model: nn.Module) -> Preprocessing:
    """open_clip's own record of how pictures are prepared for this network."""
    record = cast(Any, model).visual.preprocess_cfg
    size = record["size"]
    sides = {int(side) for side in (size if isinstance(size, (tuple, list)) else (size,))}
    resize, interpolation = record["resize_mode"], record["interpolation"]
    if len(sides) != 1 or resize not in ("shortest", "squash") or interpolation != "bicubic":
        raise TowerUnsupported(f"It takes pictures of {size}, {resize}, {interpolation}.")
    return Preprocessing(
        size=sides.pop(),
        resize=cast(Literal["shortest", "squash"], resize),
        interpolation="bicubic",
        mean=_three(record["mean"]),
        std=_three(record["std"]),
    )


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return (red, green, blue)
