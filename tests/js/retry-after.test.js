import assert from 'node:assert/strict';
import { test } from 'node:test';

import { retryAfter } from '../../webapp/engine/retry-after.js';

const NOW = Date.UTC(2026, 0, 1);

/** @type {[Record<string, string>, number][]} */
const CASES = [
  [{ 'retry-after': '7' }, 7],
  [{ 'retry-after': ' 0 ' }, 0],
  [{ 'retry-after': '99999999' }, 3600],
  [{ 'retry-after': '9'.repeat(500) }, 3600],
  [{}, 5],
  [{ 'retry-after': '-3' }, 5],
  [{ 'retry-after': '1e9' }, 5],
  [{ 'retry-after': 'soon' }, 5],
  [{ 'retry-after': 'Fri, 99 Dec 1999 00:00:00 GMT' }, 5],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:12 GMT' }, 12],
  [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:12 GMT', date: 'nonsense' }, 12],
  [{ 'retry-after': 'Sat, 01 Jan 2000 00:00:09 GMT', date: 'Fri, 31 Dec 1999 23:59:59 GMT' }, 10],
  [{ 'retry-after': 'Fri, 31 Dec 1999 23:00:00 GMT', date: 'Fri, 31 Dec 1999 23:59:59 GMT' }, 0],
];

for (const [headers, seconds] of CASES) {
  test(`Retry-After: ${JSON.stringify(headers).slice(0, 90)}`, () => {
    assert.equal(retryAfter(new Headers(headers), NOW), seconds);
  });
}
