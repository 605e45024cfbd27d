// What the page asks the server by itself: how the pools stand, and what model a pool uses.

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

/** @returns {Promise<PoolStatus[]>} */
export async function pools() {
  const status = await json(STATUS);
  return status.pools;
}

/**
 * @param {PoolStatus} pool
 * @returns {Promise<Manifest>}
 */
export function manifestOf(pool) {
  return json(new URL('manifest.json', new URL(pool.bundle_url, location.origin)).href);
}
