// Tells the server that nobody should be shown a pair. The page does it by itself: whoever is upset by a
// picture may have pressed Stop first, and then there is no agent to ask.

import { Refusal, UNREACHABLE } from './refusal.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */

/** In the order of ReportReason of webapp/dva_agent/protocol.py. */
export const REASONS = Object.freeze(['sexual', 'violence', 'hate', 'personal', 'illegal', 'other']);

/**
 * @typedef {{kind: 'done', kept: boolean} | {kind: 'wait', seconds: number}
 *   | {kind: 'unreachable'} | {kind: 'refused', why: string}} Outcome `kept`: an operator has looked
 *   at the pair before, and found nothing wrong with it
 */

const WAIT_UNLESS_TOLD_S = 30;

/**
 * @param {import('./session.js').Session} session
 * @param {ShownPair} pair
 * @param {string} reason one of REASONS
 * @returns {Promise<Outcome>}
 */
export async function report(session, { pool, unit, uid }, reason) {
  try {
    return outcomeOf(200, await session.ask('POST', '/reports', { pool, unit, uid, reason }));
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return error.code === UNREACHABLE ? { kind: 'unreachable' } : outcomeOf(error.status, error.problem);
  }
}

/**
 * @param {number} status
 * @param {unknown} body of Reported, or of a problem+json
 * @returns {Outcome}
 */
export function outcomeOf(status, body) {
  const { state, detail, retry_after_s: asked } = /** @type {Record<string, unknown>} */ (body ?? {});
  if (status === 200) return { kind: 'done', kept: state === 'restored' };
  if (status === 429 || status === 503) {
    const seconds = typeof asked === 'number' && asked >= 0 ? asked : WAIT_UNLESS_TOLD_S;
    return { kind: 'wait', seconds };
  }
  return { kind: 'refused', why: typeof detail === 'string' ? detail : `HTTP ${status}` };
}
