// What the page says of credit, in English: a part of ./en.js.

import { count } from '../format.js';

/**
 * By `reason` of docs/protocol.md.
 * @type {Readonly<Record<string, string>>}
 */
const REASON = Object.freeze({
  posted: 'The server has its scores.',
  passed: 'An auditor has computed some of its scores anew, and they agree.',
  audits_passed: 'It and audits after it have passed. This credit stays.',
  audit_failed: 'An audit of this or of another unit of this device failed before this one was confirmed, so it went back to be done anew.',
  recheck_failed: 'It had been confirmed, and was found wrong when this device’s work was looked at again.',
  score_differs: 'A score differs from what the auditor computed by more than any device should.',
  score_biased: 'Its scores lie to one side of what the auditor computed: not noise, but a fault.',
  score_doubtful: 'Its scores stayed too far from the auditor’s, however many were looked at.',
  status_differs: 'A pair had another state than the auditor found, which no decoder explains.',
  class_quarantined: 'Devices of this kind came to other results than they should. It is not held against you, and the unit was given out anew.',
  shard_quarantined: 'Something is wrong with the part of the pool that it lies in. It is not held against you.',
  status_disputed: 'More of its pictures were said to be broken than two decoders differ on.',
  value_doubtful: 'Its values stayed too far from the auditor’s, however many were looked at.',
  value_differs: 'A value differs from what the auditor computed.',
  copies_agree: 'Other contributors made the same of this unit. This credit stays.',
  believed: 'Others have borne this device’s work out so often that this unit was taken without them. This credit stays.',
  outvoted: 'Most of those who were given the same unit made something else of it.',
  no_majority: 'Those who were given the same unit all made something different of it, so that none of it counts.',
});

/** @type {Readonly<Record<string, string>>} by `awaits` of docs/protocol.md */
const AWAITS = Object.freeze({
  auditor: 'Waits for an auditor: none runs on this server just now.',
  audit: 'Waits for its turn with an auditor.',
  later_audits: 'Waits for audits of later units to pass, too. If you stop, a last audit of all that is left follows within hours.',
  copies: 'Waits for another contributor to be given the same unit, or to finish it.',
});

export const CREDIT = Object.freeze({
  credit: 'Credit',
  creditKind: Object.freeze({
    pending: 'pending',
    confirmed: 'confirmed',
    forfeited: 'forfeited',
    revoked: 'taken back',
  }),
  creditNone: 'Nothing yet. It appears when this browser has posted its first scores.',
  creditLoading: 'Asking the server…',
  creditFailed: (/** @type {string} */ why) => `The server cannot tell it just now. ${why}`,
  creditPending: (/** @type {number} */ units) =>
    `${units === 1 ? 'One unit waits' : `${count(units)} units wait`} for audits.`,
  creditSettled: 'Nothing is waiting.',
  creditHow:
    'Of all devices of your account, as the server counts it. A pair earns the arithmetic that the model does for it, in millions or ' +
    'billions of operations (MFLOP, GFLOP), and nothing that a device claims makes it more. An auditor on the server computes samples of your work anew: ' +
    'what agrees is confirmed, what does not is forfeited.',
  pairs: (/** @type {number} */ pairs) => (pairs === 1 ? '1 pair' : `${count(pairs)} pairs`),

  work: 'Your work, unit by unit',
  workLoading: 'Asking the server…',
  workNone: 'Nothing yet.',
  workCount: (/** @type {string} */ units) => `The latest ${units}, newest first.`,
  workMore: 'Show earlier ones',
  workState: Object.freeze({
    pending: 'Pending',
    confirmed: 'Confirmed',
    forfeited: 'Forfeited',
    revoked: 'Taken back',
  }),
  workReason: (/** @type {string} */ code) => REASON[code] ?? `The server gives the reason as “${code}”.`,
  workAwaits: (/** @type {string} */ code) => AWAITS[code] ?? '',
});
