// What the page says of agents and their numbers, in English: a part of ./en.js. Agents and columns
// that aren't here are called by their own names.

import { decimal } from '../format.js';

/** @type {Readonly<Record<string, string>>} */
const AGENT = Object.freeze({
  dva: 'Measures how well each caption fits its picture.',
  'caption-statistics':
    'Counts what captions say about themselves: how long they are, how much of them is letters, which language they seem to be in.',
});

/** @type {Readonly<Record<string, string>>} */
const COLUMN = Object.freeze({
  score: 'score',
  letters: 'letters',
  characters: 'characters',
  words: 'words',
  tokens: 'tokens',
  language: 'language',
});

const UNSURE = 'not sure';
const ofScript = (/** @type {string} */ script) => `some ${script}`;
const LANGUAGES = new Intl.DisplayNames('en', { type: 'language' });
const SCRIPTS = new Intl.DisplayNames('en', { type: 'script' });

/** @param {string} tag of BCP 47 */
function language(tag) {
  const [name, script] = tag.split('-');
  if (name !== 'und') return LANGUAGES.of(tag) ?? tag;
  return script === undefined ? UNSURE : ofScript(SCRIPTS.of(script) ?? script);
}

export const AGENTS = Object.freeze({
  agent: (/** @type {string} */ name) => (Object.hasOwn(AGENT, name) ? AGENT[name] : `Agent: ${name}`),
  column: (/** @type {string} */ name) => (Object.hasOwn(COLUMN, name) ? COLUMN[name] : name),
  label: (/** @type {string} */ column, /** @type {string} */ label) =>
    column === 'language' ? language(label) : label,
  share: (/** @type {number} */ share) => `${decimal(share * 100, 1)}%`,

  consentDataCaptions: (/** @type {string} */ program) =>
    `Once about ${program} for the program; then the captions, without their pictures. You can set a limit a day.`,
  modelNotNeeded: 'No model',
  modelNotNeededText: 'This pool’s work needs none: nothing is downloaded for it.',
  whereNoTest: 'not needed: there is no model whose arithmetic could be wrong',
  whereImagesUnused: 'not needed: this work reads captions alone',
});
