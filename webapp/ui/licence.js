// The licence of a model: its name, with a link where its maker gave one, and its text on demand.

import { make, say } from './dom.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').Manifest} Manifest */

/**
 * @param {string} url as the bundle's maker wrote it
 * @returns {string | null} an address that may be a link: of the web, and nothing that runs
 */
export function linkTo(url) {
  if (!URL.canParse(url)) return null;
  const { protocol, href } = new URL(url);
  return protocol === 'https:' || protocol === 'http:' ? href : null;
}

/**
 * @param {Manifest['licence']} licence
 * @param {string} bundleUrl
 * @returns {{name: Node, text: HTMLElement}}
 */
export function licenceOf(licence, bundleUrl) {
  const href = linkTo(licence.url);
  const name = href === null ? new Text(licence.name)
    : make('a', { href, target: '_blank', rel: 'noopener noreferrer' }, licence.name);
  const body = make('pre', { class: 'licence', tabindex: '0' });
  const text = make('details', {}, make('summary', {}, TEXT.licenceText), body);
  text.addEventListener('toggle', () => {
    if (text.open) fill(body, bundleUrl + licence.path);
  });
  return { name, text };
}

/**
 * @param {HTMLElement} body
 * @param {string} url of this server; the browser keeps what it says
 */
async function fill(body, url) {
  say(body, TEXT.licenceLoading);
  try {
    const response = await fetch(url, { credentials: 'omit' });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    say(body, await response.text());
  } catch (error) {
    console.warn(error);
    say(body, TEXT.licenceSilent);
  }
}
