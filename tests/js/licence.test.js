import assert from 'node:assert/strict';
import { test } from 'node:test';

import { linkTo } from '../../webapp/ui/licence.js';

test('a licence links to the web, and to nothing else', () => {
  assert.equal(linkTo('https://example.org/licence'), 'https://example.org/licence');
  assert.equal(linkTo('http://example.org/'), 'http://example.org/');
  for (const url of ['', 'LICENSE', '/licence', 'javascript:alert(1)', 'data:text/html,x', 'https://']) {
    assert.equal(linkTo(url), null, url);
  }
});
