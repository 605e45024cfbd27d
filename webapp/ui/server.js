// What the page asks the server by itself: how the pools stand, what model a pool uses, and where it
// comes from.

import { readSources } from '../engine/sources.js';

/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */
/** @typedef {import('./server-types.js').Manifest} Manifest */

const STATUS = '/api/v1/status';

/**
 * @template T
 * @param {string} url
 * @returns {Promise<T>}
 */
async function json(url) {
  const response = await fetch(url, { credentials: 'omit' });
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.json();
}

/** @returns {Promise<{version: string, pools: PoolStatus[]}>} the version is the server's */
export function status() {
  return json(STATUS);
}

/**
 * @param {string} bundle its id
 * @returns {Promise<string>} the text of its merges.txt; the agent has fetched it before, so it comes from
 *   the browser's cache
 */
export async function merges(bundle) {
  const pool = (await status()).pools.find((known) => known.bundle === bundle);
  if (pool === undefined) throw new Error(`No pool uses the model ${bundle} any more.`);
  const { tokenizer } = await manifestOf(pool);
  const response = await fetch(urlOf(pool, tokenizer.merges_path), { credentials: 'omit' });
  if (!response.ok) throw new Error(`${response.url}: ${response.status}`);
  return response.text();
}

/**
 * @param {PoolStatus} pool
 * @returns {Promise<Manifest>}
 */
export function manifestOf(pool) {
  return json(urlOf(pool, 'manifest.json'));
}

/**
 * @param {PoolStatus} pool
 * @returns {Promise<string>} the host of the mirror that its model comes from; empty if that is this server
 */
export async function mirrorOf(pool) {
  const own = urlOf(pool, '');
  const [first] = readSources(await json(own.slice(0, -1)), own);
  return first === own ? '' : new URL(first).host;
}

/**
 * @param {PoolStatus} pool
 * @param {string} path of a file in its bundle
 */
function urlOf(pool, path) {
  return new URL(path, new URL(pool.bundle_url, location.origin)).href;
}
