"""LICENSES.md of a checkpoint: whose work is in it, in the words of the packages themselves."""

from __future__ import annotations

from pathlib import Path

from export.demo.artwork import HELD_OUT_VENDORS, POOL_VENDOR, TRAINING_VENDORS, vendor_info
from export.demo.flags import FLAG_VENDORS
from export.demo.glossary import GLOSSARY_LICENCE
from export.licence import MIT_TEXT


def licences(node_modules: Path) -> str:
    """The file's text. The artwork's licences are read from the npm packages' info.json."""
    training = "\n".join(
        _row(node_modules, name) for name in dict.fromkeys((*TRAINING_VENDORS, *FLAG_VENDORS))
    )
    held_out = "\n".join(_row(node_modules, name) for name in HELD_OUT_VENDORS)
    pool = vendor_info(node_modules, POOL_VENDOR)
    return f"""\
# Licences and attributions

The weights and configuration are DVA's, under Apache-2.0 like the rest of the repository. They
contain no artwork.

## Artwork the network was trained on

Rasterised, recoloured backgrounds, scaled, turned, recompressed.

{_HEADING}
{training}

## Artwork it is measured on, and never trained on

{_HEADING}
{held_out}

The demo pool's pictures and the demo bundle's golden pictures are adapted from {pool.name} by
{pool.author.name} and other contributors ({pool.author.url}), {pool.license.title}
({pool.license.url}). OpenMoji's drawings are read from its package when tests run and are not part
of this repository.

## Names and tags: emojibase-data (MIT)

Copyright (c) 2017-2019 Miles Johnson. After Unicode's CLDR annotations.

## What words mean: WordNet

`export/demo/glossary.json` is taken from WordNet 3.1's database files, shortened.

{GLOSSARY_LICENCE.read_text(encoding="utf-8").strip()}

## merges.txt: the first lines of CLIP's byte-pair vocabulary (MIT)

Copyright (c) 2021 OpenAI

## The MIT licence

{MIT_TEXT}"""


_HEADING = "| artwork | author | licence |\n| --- | --- | --- |"


def _row(node_modules: Path, vendor: str) -> str:
    info = vendor_info(node_modules, vendor)
    return (
        f"| {info.name} (`@iconify-json/{vendor}`) | [{info.author.name}]({info.author.url}) "
        f"| [{info.license.spdx}]({info.license.url}) |"
    )
