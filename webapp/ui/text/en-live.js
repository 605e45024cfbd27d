// What the page says of pairs, scores and what they cost, in English: a part of ./en.js.

import { bytes, count, decimal, duration } from '../format.js';

/**
 * By ReportReason of webapp/dva_agent/protocol.py.
 * @type {Readonly<Record<string, string>>}
 */
const REASON = Object.freeze({
  sexual: 'It is sexual',
  violence: 'It shows violence or cruelty',
  hate: 'It is hateful',
  personal: 'It shows or names a private person',
  illegal: 'It may be against the law',
  other: 'Something else',
});

/** @param {number} share in [0, 1] */
const percent = (share) => `${Math.floor(share * 100)}%`;

export const LIVE = Object.freeze({
  feedShown: (/** @type {number} */ oneIn, /** @type {number} */ all) =>
    oneIn <= 1 ? `${count(all)} pairs scored here, all of them shown.`
      : `Showing 1 in ${count(oneIn)} of the ${count(all)} pairs scored here.`,
  feedHold: 'Hold still',
  feedRelease: 'Let it run',

  spread: 'Scores',
  spreadEmpty: 'Fills as pairs are scored.',
  spreadChart: 'Histogram of the scores so far',
  spreadOf: (
    /** @type {number} */ all, /** @type {number} */ middle, /** @type {number} */ low, /** @type {number} */ high,
  ) =>
    `${count(all)} scores. The middle one is ${decimal(middle, 2)}; eight in ten lie between ` +
    `${decimal(low, 2)} and ${decimal(high, 2)}.`,
  spreadAxis: (/** @type {number} */ score, /** @type {number} */ step) =>
    step < 1 ? decimal(score, 1) : count(score),
  value: (/** @type {number} */ value) => (Number.isInteger(value) ? count(value) : decimal(value, 3)),

  pace: 'Speed',
  paceEmpty: 'Appears after some seconds of work.',
  paceChart: 'Pairs a second over the last minutes',
  paceOf: (/** @type {string} */ now, /** @type {string} */ most) =>
    `${now} pairs a second just now, ${most} at most in the last five minutes.`,
  paceAgo: (/** @type {number} */ seconds) => `${duration(seconds)} ago`,
  paceNow: 'now',

  dataToday: 'received today',
  energyToday: 'used today, a guess',
  dataUsed: (/** @type {number} */ value) => bytes(value),
  energyUsed: (/** @type {number} */ wattHours) =>
    wattHours >= 1000 ? `${decimal(wattHours / 1000, 2)} kWh` : `${decimal(wattHours, wattHours < 10 ? 2 : 0)} Wh`,
  ageTitle: 'Show pictures that nobody has checked?',
  ageText: 'They come from the web as it is, violence and nudity included. The settings blur them again.',
  ageYes: 'I am 18 or older, show them',
  ageNo: 'Keep them blurred',

  howCounted: 'How this is counted',
  costs: (/** @type {{watts: number, share: number} | null} */ load) =>
    'Received is what the browser measured on its way here: packed, and nothing for what it had kept. ' +
    'Energy is a guess, since no browser can measure it: ' +
    (load === null
      ? 'some watts more than at rest, for as long as pairs are scored.'
      : `${count(load.watts)} watts more than at rest, ` +
        (load.share < 1 ? `for ${percent(load.share)} of the time that pairs are scored. ` : 'for as long as pairs are scored. ') +
        'Your device may take half of that, or several times as much.'),

  pairTitle: 'A pair, as it was scored',
  pairClose: 'Close',
  pairPrevious: 'Previous',
  pairNext: 'Next',
  pairCaption: 'Caption',
  pairTokens: (/** @type {number} */ all) => `Tokens, as the model saw them: ${count(all)}`,
  pairNoTokens: 'The model saw no tokens of it.',
  pairTokenStart: 'start',
  pairTokenEnd: 'end',
  pairScore: 'Score',
  pairNoScore: (/** @type {string} */ status) => `No score: ${status}.`,
  pairRank: (/** @type {number} */ share, /** @type {number} */ all) =>
    all < 2 ? 'The first score seen here.' : `Better than ${percent(share)} of the ${count(all)} scores seen here.`,
  pairPool: 'Pool',
  pairUnit: 'Unit',
  pairUid: 'Name',
  pairStatus: 'Status',
  pairReveal: 'Show this picture',

  report: 'Report',
  reportWhy: 'Why should nobody be shown this pair?',
  reportReason: (/** @type {string} */ reason) => REASON[reason] ?? reason,
  reportSend: 'Send report',
  reportCancel: 'Cancel',
  reportSending: 'Sending…',
  reportThanks: 'Thank you. Nobody gets this pair to see any more, and it is gone from this page.',
  reportKept:
    'Thank you. Somebody who runs this server has looked at this pair before and keeps it; it is gone from this page.',
  reportUnreachable: 'The server does not answer, so nothing was reported. Try again in a moment.',
  reportWait: (/** @type {number} */ seconds) => `The server asks to wait: try again in ${duration(seconds)}.`,
  reportFailed: (/** @type {string} */ why) => `Nothing was reported: ${why}`,
});
