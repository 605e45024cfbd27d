"""In the tab's Python, token ids are open_clip's: all captions of tests/dva_agent/captions.json."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page

from tests.dva_agent.tokenizers import merges
from tests.e2e.serving import ROOT

pytestmark = pytest.mark.browser

TOKENIZE = """async ([captions, merges, contextLength]) => {
  const { bootPython } = await import('/static/app/engine/python.js');
  const python = await bootPython();
  python.globals.set('captions_json', captions);
  python.globals.set('merges', merges);
  python.globals.set('context_length', contextLength);
  return JSON.parse(python.runPython(`
import json
from dva_agent.bundle import TokenizerSpec
from dva_agent.tokenizer import Tokenizer
count = merges.count("\\\\n")
spec = TokenizerSpec(kind="clip-bpe", merges_path="m", merges=count, context_length=context_length,
                     vocab_size=514 + count)
tokenizer = Tokenizer(merges=merges, spec=spec)
json.dumps([tokenizer(caption) for caption in json.loads(captions_json)])
`));
}"""


@pytest.mark.parametrize("name", ["clip", "demo"])
def test_equal_open_clip(page: Page, site: str, name: str) -> None:
    corpus = json.loads((ROOT / "tests" / "dva_agent" / "captions.json").read_bytes())
    spec = corpus["tokenizers"][name]
    texts = [entry["text"] for entry in corpus["captions"]]
    kinds = [entry["kind"] for entry in corpus["captions"]]
    assert kinds.count("ordinary") >= 2000
    assert kinds.count("odd") >= 100
    page.goto(site)
    # As ASCII: among the odd ones are lone surrogates, which UTF-8 can't carry.
    captions = json.dumps(texts, ensure_ascii=True)
    found = page.evaluate(TOKENIZE, [captions, merges(spec["merges"]), spec["context_length"]])
    wrong = [
        (entry["text"], entry[name], ids)
        for entry, ids in zip(corpus["captions"], found, strict=True)
        if ids[: len(entry[name])] != entry[name] or any(ids[len(entry[name]) :])
    ]
    assert wrong == []
