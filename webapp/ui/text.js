// The page's words in the visitor's language. English is the source of all others.

import { LANGUAGE } from './language.js';
import { EN } from './text/en.js';
import { ZH } from './text/zh.js';

/**
 * The shape of a catalogue: words are any words, functions take what English takes.
 * @template T
 * @typedef {T extends string ? string : T extends (...words: infer A) => infer R ? (...words: A) => R
 *   : {readonly [K in keyof T]: Worded<T[K]>}} Worded
 */

/** @typedef {Worded<typeof EN>} Text */

/** @type {Readonly<Record<string, Text>>} */
export const CATALOGUES = Object.freeze({ en: EN, zh: ZH });

export const TEXT = CATALOGUES[LANGUAGE];
