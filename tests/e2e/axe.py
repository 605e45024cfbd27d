"""axe-core on a page: what it finds wrong for people who see, hear or press otherwise."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from playwright.sync_api import Page

from tests.e2e.serving import ROOT

_RUN = """async (off) => {
  const rules = Object.fromEntries(off.map((rule) => [rule, { enabled: false }]));
  const { violations } = await axe.run(document, { rules, resultTypes: ['violations'] });
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id} (${help}) at ${target}: ${failureSummary}`));
}"""


@functools.cache
def _source() -> str:
    return (ROOT / "node_modules" / "axe-core" / "axe.min.js").read_text()


def violations(page: Page, *, without: Sequence[str] = ()) -> list[str]:
    """A sentence for each; `without` names rules to leave out. The page's own policy lets no script
    in, the debugger's way does."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(_source())
    found = page.evaluate(_RUN, list(without))
    assert isinstance(found, list)
    return found
