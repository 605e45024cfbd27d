// The one consent: to a text of a version, and to the licences of the models that run and where they
// come from. Asked again when one of these is another.

import { recall, remember } from './kept.js';

/** @typedef {import('./server-types.js').Manifest} Manifest */

const KEY = 'dva.consent';
/** Raised whenever the text says something else about what runs, what is sent or what is kept. */
const TEXT_VERSION = 3;
const MAX_LICENCES = 32;

/**
 * @param {Manifest | null} manifest null: there is no model yet
 * @returns {string} what stands for a model's licence: its text, so that a changed one is another
 */
export function licenceKey(manifest) {
  if (manifest === null) return '';
  const file = manifest.files.find(({ path }) => path === manifest.licence.path);
  return file?.sha256 ?? manifest.licence.name;
}

/**
 * @param {Record<string, unknown>} found
 * @param {number} version
 * @returns {string[]} the licences that are consented to
 */
export function licencesOf(found, version) {
  const { text, licences } = found;
  if (text !== version || !Array.isArray(licences)) return [];
  return licences.filter((key) => typeof key === 'string').slice(-MAX_LICENCES);
}

/**
 * Consents of this visit count where storage is refused, too.
 * @type {string[]}
 */
let agreed = licencesOf(recall(KEY), TEXT_VERSION);

/**
 * @param {Manifest | null} manifest
 * @param {string} hosts that model and pictures come from; empty: the server
 */
function keyOf(manifest, hosts) {
  return hosts === '' ? licenceKey(manifest) : `${licenceKey(manifest)} ${hosts}`;
}

/**
 * @param {Manifest | null} manifest
 * @param {string} [hosts] that model and pictures come from; empty: the server
 */
export function hasConsent(manifest, hosts = '') {
  return manifest === null ? agreed.length > 0 : agreed.includes(keyOf(manifest, hosts));
}

/**
 * @param {Manifest | null} manifest
 * @param {string} [hosts]
 */
export function consent(manifest, hosts = '') {
  agreed = [...new Set([...agreed, keyOf(manifest, hosts)])].slice(-MAX_LICENCES);
  remember(KEY, { text: TEXT_VERSION, licences: agreed });
}

/** Asked again at the next start. */
export function withdraw() {
  agreed = [];
  remember(KEY, {});
}
