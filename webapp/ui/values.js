// What an agent says of a pair, in words: a score that says how well a caption fits, or other numbers.

import { TEXT } from './text.js';

/** @typedef {import('../engine/wire.js').Column} Column */
/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

const SCORED = 0;

/**
 * Whether a pair's value is a score in [-1, 1] of how well its caption fits.
 * @param {{columns: readonly Column[]}} pair
 */
export function isFit({ columns }) {
  return columns.length === 1 && columns[0].minimum === -1 && columns[0].maximum === 1;
}

/**
 * @param {ShownPair} pair
 * @returns {number | null} the score, or the first value; null if it has none
 */
export function scoreOf({ status, score }) {
  return status === SCORED ? score : null;
}

/**
 * @param {ShownPair} pair
 * @returns {string} what came of it, in a few words
 */
export function resultOf(pair) {
  const score = scoreOf(pair);
  if (score === null) return TEXT.status(pair.status);
  if (isFit(pair)) return TEXT.score(score);
  const [[name, value]] = valuesOf(pair);
  return `${name} ${value}`;
}

/**
 * @param {ShownPair} pair
 * @returns {[name: string, value: string][]} by column
 */
export function valuesOf({ columns, values }) {
  return values.map((value, i) => [TEXT.column(columns[i].name), inWords(value, columns[i])]);
}

/**
 * @param {number} value
 * @param {Column} column
 */
function inWords(value, { name, minimum, maximum, labels }) {
  if (labels.length > 0) return TEXT.label(name, labels[value]);
  return minimum === 0 && maximum === 1 ? TEXT.share(value) : TEXT.value(value);
}
