// What this browser remembers between visits: its device's token, and how many pairs it has had
// scored. Where storage is refused, the page works and forgets.

/** @typedef {import('../engine/wire.js').Device} Device */

const DEVICE = 'dva.device';
const TOTALS = 'dva.totals';
/** Of this tab only. */
const RELOADED = 'dva.reloaded';

/** @typedef {{day: string, today: number, ever: number}} Totals */

/**
 * @param {string} key
 * @returns {Record<string, unknown>}
 */
function recall(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? '{}');
    return found !== null && typeof found === 'object' ? found : {};
  } catch {
    return {};
  }
}

/**
 * @param {string} key
 * @param {object} value
 */
function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn('This browser keeps nothing between visits:', error);
  }
}

/** @returns {Device | null} */
export function savedDevice() {
  const { device, token } = recall(DEVICE);
  return typeof device === 'string' && typeof token === 'string' ? { device, token } : null;
}

/** @param {Device} device */
export function saveDevice({ device, token }) {
  remember(DEVICE, { device, token });
}

/** @param {Date} now */
function dayOf(now) {
  return `${now.getFullYear()}-${now.getMonth() + 1}-${now.getDate()}`;
}

/**
 * @param {Date} now
 * @returns {Totals}
 */
export function totals(now) {
  const { day, today, ever } = recall(TOTALS);
  const whole = (/** @type {unknown} */ value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  return { day: dayOf(now), today: day === dayOf(now) ? whole(today) : 0, ever: whole(ever) };
}

/**
 * @param {number} pairs that the server has stored
 * @param {Date} now
 */
export function addToTotals(pairs, now) {
  const before = totals(now);
  remember(TOTALS, { ...before, today: before.today + pairs, ever: before.ever + pairs });
}

/**
 * For a page that would load itself anew: once, until it works. Where that can't be remembered, never,
 * lest it reload for ever.
 * @returns {boolean}
 */
export function mayReload() {
  try {
    if (sessionStorage.getItem(RELOADED) !== null) return false;
    sessionStorage.setItem(RELOADED, '1');
    return true;
  } catch (error) {
    console.warn('This browser keeps nothing between loads:', error);
    return false;
  }
}

/** The page works: when a newer one is out, it may load that. */
export function allowReload() {
  try {
    sessionStorage.removeItem(RELOADED);
  } catch (error) {
    console.warn('This browser keeps nothing between loads:', error);
  }
}
