"""From the name of a model to a network that open_clip has built, with all that goes with it.

ViT-B-16-quickgelu:dfn2b       an open_clip name and tag
hf-hub:apple/DFN-public        a Hugging Face id, in open_clip's layout or transformers'
local-dir:PATH                 a folder in either layout
PATH --arch NAME               a file of weights for one of open_clip's architectures
demo                           the demo network of this repository
random:ViT-B-32                an architecture with seeded random weights, for tests
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from export import transformers_layout
from export.checkpoints import Checkpoint, by_hub, by_tag
from export.creation import build, check_activation, check_architecture
from export.errors import CheckpointRefused
from export.folders import CONFIGS, OPEN_CLIP_CONFIG, WEIGHTS, Folder, build_folder, open_folder
from export.hub import Hub, Repository
from export.licence import (
    LICENCE_FILES,
    RANDOM_LICENCE,
    LicenceText,
    check_accepted,
    demo_licence,
    folder_licence,
    hub_licence,
)
from export.loaded import Loaded, loaded
from export.openclip import open_clip

DEMO_FOLDER = Path(__file__).parent / "demo" / "checkpoint"
DEMO_ABOUT = (
    "A small demo model that knows emoji artwork and its names, and little else: it is there to "
    "show the whole system at work. On photographs its scores mean next to nothing."
)
RANDOM_ABOUT = "Random weights: the true size and speed of a model, and meaningless scores."
RANDOM_SEED = 0
PREPARED = ("mean", "std", "interpolation", "resize_mode")
"""What open_clip's record of a tag says of how pictures are prepared."""
LONGEST_TEXT = 1_000_000
HUB = Hub()


def load(
    model: str, *, arch: str | None = None, accept_licence: bool = False, hub: Hub = HUB
) -> Loaded:
    """Read what `model` names (see above). `accept_licence`: the caller has read and accepted its
    licence; without that only `demo` and `random` load, and nothing large is downloaded.
    Raises CheckpointRefused, TowerUnsupported."""
    kind, _, rest = model.partition(":")
    downloads = bool(rest) and kind not in ("local-dir", "random") and not Path(model).is_file()
    if hub.revision and not downloads:
        raise CheckpointRefused(
            f"--revision names a state of what is downloaded, and {model} isn't.",
            next_step="Leave it out.",
        )
    if model == "demo":
        return _load_demo()
    if kind == "local-dir" and rest:
        return _load_folder(Path(rest), accept_licence)
    if kind == "hf-hub" and rest:
        return _load_hub(Repository(hub, rest), accept_licence)
    if kind == "random" and rest:
        return _load_random(rest)
    if Path(model).is_file():
        return _load_file(Path(model), arch, accept_licence)
    if rest:
        return _load_tag(kind, rest, hub, accept_licence)
    raise CheckpointRefused(
        f"There is no file '{model}', and it isn't a model's name and tag either.",
        next_step="Give NAME:TAG, hf-hub:ID, local-dir:PATH, a file with --arch, or demo.",
    )


def _load_tag(arch: str, tag: str, hub: Hub, accept: bool) -> Loaded:
    check_architecture(arch)
    facts = open_clip.pretrained.get_pretrained_cfg(arch, tag)
    if not facts:
        tags = ", ".join(open_clip.list_pretrained_tags_by_model(arch)) or "none"
        raise CheckpointRefused(
            f"open_clip knows no weights '{tag}' for {arch}.", next_step=f"It knows: {tags}."
        )
    check_activation(
        arch, tag, trained_quick=bool(facts.get("quick_gelu", False)), use=f"--model {{arch}}:{tag}"
    )
    place = str(facts.get("hf_hub", ""))
    name, _, file = place.rpartition("/")
    if not name:
        raise CheckpointRefused(
            f"open_clip has {arch}:{tag} from {facts.get('url') or 'nowhere'}, not from the hub.",
            next_step="Download it, and give the file with --arch.",
        )
    known = by_tag(arch, tag)
    repository = Repository(hub, name)
    licence = _licence_there(repository, known, accept)
    names = (f"{file.rpartition('.')[0]}.safetensors", file) if file else WEIGHTS["open_clip"]
    weights = repository.file(*names)
    network = build(
        lambda: open_clip.create_model(
            arch,
            pretrained=str(weights),
            require_pretrained=True,
            force_preprocess_cfg={key: facts[key] for key in PREPARED if key in facts},
        ),
        what=f"{arch}:{tag}",
    )
    return loaded(
        network,
        text=_text_of(arch),
        name=f"{arch} {tag}",
        source=f"{arch}:{tag}@{repository.commit}",
        known=known,
        licence=licence,
        accepted=accept,
    )


def _load_hub(repository: Repository, accept: bool) -> Loaded:
    known = by_hub(repository.name)
    config = repository.file(*CONFIGS)
    folder = open_folder(config.parent, what=f"hf-hub:{repository.name}")
    _check_known_activation(folder, known)
    licence = _licence_there(repository, known, accept)
    if folder.layout == "transformers":
        for name in transformers_layout.PROCESSORS:
            repository.file_if_any(name)
    repository.file(*WEIGHTS[folder.layout])
    return loaded(
        build_folder(folder),
        text=folder.text,
        name=repository.name,
        source=f"hf-hub:{repository.name}@{repository.commit}",
        known=known,
        licence=licence,
        accepted=accept,
        merges_file=repository.file_if_any("merges.txt"),
    )


def _check_known_activation(folder: Folder, known: Checkpoint | None) -> None:
    if known is None or known.quick_gelu is None or folder.quick_gelu == known.quick_gelu:
        return
    raise CheckpointRefused(
        f"The configuration of {known.hub} says quick_gelu={folder.quick_gelu}, but these weights "
        f"were trained with quick_gelu={known.quick_gelu}.",
        next_step=f"Use --model {known.name}.",
    )


def _licence_there(repository: Repository, known: Checkpoint | None, accept: bool) -> LicenceText:
    """The licence as the repository states it, before anything large is asked for."""
    card = repository.file_if_any("README.md")
    files = (repository.file_if_any(name) for name in LICENCE_FILES)
    text = next((file for file in files if file is not None), None)
    licence = hub_licence(repository.name, known, card=_read(card), text=_read(text))
    check_accepted(licence, repository.name, accepted=accept)
    return licence


def _read(path: Path | None) -> str:
    """Its beginning: no licence is longer."""
    if path is None:
        return ""
    with path.open("rb") as file:
        return file.read(LONGEST_TEXT).decode("utf-8", errors="replace")


def _load_demo() -> Loaded:
    folder = open_folder(DEMO_FOLDER, what=str(DEMO_FOLDER))
    return loaded(
        build_folder(folder),
        text=folder.text,
        name="DVA emoji demo",
        source="demo",
        known=None,
        licence=demo_licence(DEMO_FOLDER),
        accepted=False,
        about=DEMO_ABOUT,
        demo=True,
        merges_file=DEMO_FOLDER / "merges.txt",
    )


def _load_folder(path: Path, accept: bool) -> Loaded:
    folder = open_folder(path, what=str(path))
    label = path.resolve().name
    licence = folder_licence(path, label)
    check_accepted(licence, label, accepted=accept)
    return loaded(
        build_folder(folder),
        text=folder.text,
        name=label,
        source=label,
        known=None,
        licence=licence,
        accepted=accept,
        merges_file=path / "merges.txt",
    )


def _load_file(path: Path, arch: str | None, accept: bool) -> Loaded:
    if arch is None:
        raise CheckpointRefused(
            f"{path} is a file of weights, which doesn't say what network they are for.",
            next_step="Name one of open_clip's architectures, such as --arch ViT-B-16-quickgelu.",
        )
    check_architecture(arch)
    if (path.parent / OPEN_CLIP_CONFIG).is_file():
        beside = open_folder(path.parent, what=str(path.parent))
        check_activation(arch, path.name, trained_quick=beside.quick_gelu, use="--arch {arch}")
    licence = folder_licence(path.parent, path.name)
    check_accepted(licence, path.name, accepted=accept)
    network = build(
        lambda: open_clip.create_model(arch, pretrained=str(path), require_pretrained=True),
        what=str(path),
    )
    return loaded(
        network,
        text=_text_of(arch),
        name=f"{arch} {path.name}",
        source=path.name,
        known=None,
        licence=licence,
        accepted=accept,
    )


def _load_random(arch: str) -> Loaded:
    check_architecture(arch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(RANDOM_SEED)
        network = build(lambda: open_clip.create_model(arch), what=arch)
    return loaded(
        network,
        text=_text_of(arch),
        name=f"{arch} with random weights",
        source=f"random:{arch}",
        known=None,
        meaningful=False,
        licence=RANDOM_LICENCE,
        accepted=False,
        about=RANDOM_ABOUT,
    )


def _text_of(arch: str) -> dict[str, Any]:
    text: dict[str, Any] = open_clip.get_model_config(arch)["text_cfg"]
    return text
