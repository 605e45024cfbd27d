// How long an answer asks to be left alone. The same rule as in webapp/dva_agent/client.py.

const UNLESS_TOLD_S = 5;
/** No server sends a tab away for longer. */
const LONGEST_S = 3600;

/**
 * @param {Headers} headers of a 429 or 503; Retry-After is seconds or a date (RFC 9110, 10.2.3)
 * @param {number} now ms since 1970, for an answer without a Date of its own
 * @returns {number} seconds, 0 to LONGEST_S. A date is counted from the answer's own: the clock of
 *   this machine may be wrong
 */
export function retryAfter(headers, now) {
  const stated = headers.get('retry-after')?.trim() ?? '';
  if (/^\d+$/.test(stated)) return Math.min(LONGEST_S, Number(stated));
  // Date.parse takes "-3" for a year.
  const until = /GMT$/.test(stated) ? Date.parse(stated) : NaN;
  if (Number.isNaN(until)) return UNLESS_TOLD_S;
  const sent = Date.parse(headers.get('date') ?? '');
  const wait = (until - (Number.isNaN(sent) ? now : sent)) / 1000;
  return Math.min(LONGEST_S, Math.max(0, wait));
}
