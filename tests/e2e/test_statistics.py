"""In the tab's Python, captions count as they do in a terminal's: all those of
tests/dva_agent/captions.json, on Pythons that know different Unicodes."""

from __future__ import annotations

import json

import pytest
from dva_agent.agents.caption_statistics import statistics
from dva_agent.cleaning import clean
from dva_agent.discovery import AGENTS
from playwright.sync_api import Page

from tests.e2e.serving import ROOT

pytestmark = pytest.mark.browser

COUNT = """async (captions) => {
  const { bootPython } = await import('/static/app/engine/python.js');
  const python = await bootPython();
  python.globals.set('captions_json', captions);
  return JSON.parse(python.runPython(`
import json
from dva_agent.agents.caption_statistics import statistics
from dva_agent.cleaning import clean
from dva_agent.discovery import AGENTS
cleaned = [clean(caption) for caption in json.loads(captions_json)]
json.dumps([sorted(AGENTS), [statistics(text, []) if text else None for text in cleaned]])
`));
}"""


def test_the_tab_has_the_same_agents_and_counts_the_same(page: Page, site: str) -> None:
    corpus = json.loads((ROOT / "tests" / "dva_agent" / "captions.json").read_bytes())["captions"]
    # Every kind of character that Python's tables might tell differently, in some place or other.
    runs = [
        "".join(map(chr, range(first, first + 64)))
        for first in range(0x80, 0x30000, 64)
        if not 0xD800 <= first < 0xE000
    ]
    texts = [entry["text"] for entry in corpus] + runs
    page.goto(site)
    agents, found = page.evaluate(COUNT, json.dumps(texts, ensure_ascii=True))
    assert agents == sorted(AGENTS)
    cleaned = [clean(text) for text in texts]
    expected = [list(statistics(text, [])) if text else None for text in cleaned]
    wrong = [
        (text, ours, theirs)
        for text, ours, theirs in zip(texts, expected, found, strict=True)
        if ours != theirs
    ]
    assert wrong == []
