"""Keys in real browsers: kept by IndexedDB, out of reach, the same in all tabs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.firefox import firefox

pytestmark = [pytest.mark.browser, pytest.mark.slow]

KEPT_AND_USED = """async ({ algorithm }) => {
  const from = '/static/app/identity';
  const { Keyring } = await import(`${from}/keyring.js`);
  const { signWith } = await import(`${from}/device-key.js`);
  if (algorithm === 'p256') {
    const make = crypto.subtle.generateKey.bind(crypto.subtle);
    crypto.subtle.generateKey = (kind, ...rest) => kind.name === 'Ed25519'
      ? Promise.reject(new DOMException('not here', 'NotSupportedError')) : make(kind, ...rest);
  }
  const [one, other] = await Promise.all([new Keyring().make(), new Keyring().make()]);
  const keyring = new Keyring();
  const kept = await keyring.load();
  const said = new TextEncoder().encode('dva test 1');
  const signature = await signWith(kept, said);
  const [imported, verified] = algorithm === 'p256'
    ? [{ name: 'ECDSA', namedCurve: 'P-256' }, { name: 'ECDSA', hash: 'SHA-256' }]
    : [{ name: 'Ed25519' }, { name: 'Ed25519' }];
  const verifier = await crypto.subtle.importKey('raw', one.deviceKey, imported, true, ['verify']);
  const before = { words: kept.phrase.split(' ').length, isKept: keyring.isKept };
  await keyring.dropPhrase();
  const dropped = (await new Keyring().load()).phrase;
  await keyring.forget();
  return {
    ...before, dropped, algorithm: kept.algorithm, extractable: kept.privateKey.extractable,
    same: one.deviceKey.join() === other.deviceKey.join(),
    verified: await crypto.subtle.verify(verified, verifier, signature, said),
    forgotten: (await new Keyring().load()) === null,
  };
}"""

ALGORITHMS = ("ed25519", "p256")


def expected(algorithm: str) -> dict[str, Any]:
    return {
        "words": 12,
        "isKept": True,
        "dropped": None,
        "algorithm": algorithm,
        "extractable": False,
        "same": True,
        "verified": True,
        "forgotten": True,
    }


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_in_chromium(page: Page, site: str, algorithm: str) -> None:
    page.goto(site)
    assert page.evaluate(KEPT_AND_USED, {"algorithm": algorithm}) == expected(algorithm)


def test_in_firefox(site: str, tmp_path: Path) -> None:
    with firefox(tmp_path) as browser:
        for algorithm in ALGORITHMS:
            browser.goto(site)
            answer = browser.evaluate(KEPT_AND_USED, {"algorithm": algorithm})
            assert answer == expected(algorithm), json.dumps(answer)


def test_for_the_visit_where_nothing_is_kept(page: Page, site: str) -> None:
    page.goto(site)
    kept = page.evaluate("""async () => {
      const { Keyring } = await import('/static/app/identity/keyring.js');
      indexedDB.constructor.prototype.open = () => { throw new DOMException('', 'SecurityError'); };
      const keyring = new Keyring();
      const made = await keyring.make();
      return [keyring.isKept, made.phrase !== null, (await keyring.make()) === made];
    }""")
    assert kept == [False, True, True]
