import assert from 'node:assert/strict';
import { test } from 'node:test';

import { browserOf } from '../../webapp/ui/browser.js';

const MAC = 'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)';
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)';
const LINUX = 'Mozilla/5.0 (X11; Linux x86_64)';

test('a browser is told by its engine', () => {
  assert.equal(browserOf(`${LINUX} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36`), 'chromium');
  assert.equal(browserOf(`${LINUX} AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/141.0`), 'chromium');
  assert.equal(browserOf(`${LINUX.slice(0, -1)}; rv:145.0) Gecko/20100101 Firefox/145.0`), 'firefox');
  assert.equal(browserOf(`${MAC} Version/26.0 Safari/605.1.15`), 'safari');
  assert.equal(browserOf(`${IPHONE} CriOS/141.0 Mobile/15E148 Safari/604.1`), 'safari');
  assert.equal(browserOf(`${IPHONE} FxiOS/145.0 Mobile/15E148 Safari/605.1.15`), 'safari');
  assert.equal(browserOf(''), 'other');
});
