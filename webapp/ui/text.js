// The page's words in the visitor's language: the one asked for (`?lang=zh`), the one chosen on an
// earlier visit, or the first of the browser's that is here. English is the source of all others.

import { EN } from './text/en.js';
import { ZH } from './text/zh.js';

/** @typedef {{[K in keyof typeof EN]: (typeof EN)[K] extends string ? string : (typeof EN)[K]}} Text */

const KEY = 'dva.language';

/** @type {Readonly<Record<string, Text>>} by BCP 47 primary subtag */
export const LANGUAGES = Object.freeze({ en: EN, zh: ZH });

/**
 * @param {readonly (string | null)[]} wanted BCP 47 tags, the best first
 * @returns {string} a key of LANGUAGES
 */
export function choose(wanted) {
  for (const tag of wanted) {
    const primary = tag?.toLowerCase().split('-')[0] ?? '';
    if (Object.hasOwn(LANGUAGES, primary)) return primary;
  }
  return 'en';
}

/** @param {string} language kept for the next visits; takes effect with the next load */
export function keep(language) {
  localStorage.setItem(KEY, language);
}

const asked = new URLSearchParams(globalThis.location?.search ?? '').get('lang');

/** The language that the page speaks, a key of LANGUAGES. */
export const LANGUAGE = choose([
  asked,
  globalThis.localStorage?.getItem(KEY) ?? null,
  ...(globalThis.navigator?.languages ?? []),
]);

export const TEXT = LANGUAGES[LANGUAGE] ?? EN;
