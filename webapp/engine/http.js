// GETs of files: one attempt each, checked for status and length, with every failure as an error
// of our tree.

import { TabError, messageOf } from './errors.js';
import { retryAfter } from './retry-after.js';
import { countBody, watchBodies } from './traffic.js';

/** A connection that brings nothing for so long is given up. */
const STALL_MS = 45_000;
/** Of a file whose length nobody told: a manifest, merges, golden pictures. */
const MAX_UNKNOWN_BYTES = 1 << 28;

/**
 * Part of a file: bytes [start, start + size). `whole`: that is all of it, so it may come packed.
 * @typedef {{start: number, size: number, whole?: boolean}} Part
 */

/**
 * @param {string} url
 * @param {Part | null} part null: the whole file
 * @param {(chunk: Uint8Array<ArrayBuffer>) => void | Promise<void>} take gets the bytes in order
 * @param {AbortSignal} [until] breaks it off, as a lost connection would
 * @returns {Promise<void>} when all have come
 */
export async function stream(url, part, take, until) {
  if (part !== null && part.size === 0) return;
  const stop = new AbortController();
  const signal = until === undefined ? stop.signal : AbortSignal.any([stop.signal, until]);
  let stall = setTimeout(() => stop.abort(), STALL_MS);
  try {
    const response = await send(url, part, signal);
    const wanted = part?.size ?? MAX_UNKNOWN_BYTES;
    let got = 0;
    for (const reader = bodyOf(response).getReader(); ; ) {
      const { done, value } = await read(reader, url);
      clearTimeout(stall);
      if (done) break;
      got += value.length;
      countBody(url, value.length);
      if (got > wanted) {
        throw new TabError('refused', `${fileOf(url)} is longer than it should be.`, { status: 416 });
      }
      await take(value);
      stall = setTimeout(() => stop.abort(), STALL_MS);
    }
    if (part !== null && got < wanted) throw unreachable(url, `it ended after ${got} bytes of ${wanted}`);
  } finally {
    clearTimeout(stall);
    stop.abort();
  }
}

/**
 * @param {string} url
 * @param {Part | null} part
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export async function get(url, part) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  await stream(url, part, (chunk) => {
    chunks.push(chunk);
  });
  return concatenate(chunks);
}

/**
 * @param {Uint8Array<ArrayBuffer>[]} parts
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function concatenate(parts) {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/**
 * @param {string} url
 * @param {Part | null} part
 * @param {AbortSignal} signal
 */
async function send(url, part, signal) {
  const headers = new Headers();
  const ranged = part !== null && !part.whole;
  if (ranged) headers.set('range', `bytes=${part.start}-${part.start + part.size - 1}`);
  let response;
  try {
    // Ranges are used once, and a model has a place of its own; other files are small and revalidated.
    response = await fetch(url, { headers, signal, cache: part === null ? 'default' : 'no-store' });
  } catch (error) {
    throw unreachable(url, messageOf(error), error);
  }
  if (response.redirected) watchBodies(url);
  if (response.status === (ranged ? 206 : 200)) return response;
  await response.body?.cancel();
  const { status } = response;
  // Who sent us there may send it itself, or elsewhere next time.
  if (response.redirected) throw unreachable(url, `${new URL(response.url).host} answered with ${status}`);
  if (status === 429 || status === 503) {
    const retryAfterS = retryAfter(response.headers, Date.now());
    throw new TabError('busy', `The server is busy (${status}).`, { retryAfterS });
  }
  if (status >= 500) throw unreachable(url, `status ${status}`);
  if (status >= 400) {
    throw new TabError('refused', `The server refused ${fileOf(url)} (${status}).`, { status });
  }
  const message = `${fileOf(url)} was answered with ${status}, not with the bytes asked for.`;
  throw new TabError('refused', message, { status: 416 });
}

/** @param {Response} response */
function bodyOf(response) {
  if (response.body === null) throw new TabError('engine_failed', 'An answer without a body.');
  return response.body;
}

/**
 * @param {ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>} reader
 * @param {string} url
 */
async function read(reader, url) {
  try {
    return await reader.read();
  } catch (error) {
    throw unreachable(url, messageOf(error), error);
  }
}

/**
 * @param {string} url
 * @returns {string} its last part, which is what a person can tell apart
 */
function fileOf(url) {
  return url.slice(url.lastIndexOf('/') + 1) || url;
}

/**
 * @param {string} url
 * @param {string} why
 * @param {unknown} [cause]
 */
function unreachable(url, why, cause) {
  return new TabError('unreachable', `${fileOf(url)} can't be fetched (${why}).`, {
    nextStep: 'Check the connection and that the server runs.',
    cause,
  });
}
