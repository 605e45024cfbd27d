// Whether a model fits this device's memory. A browser ends a tab that takes too much without a word,
// so it is better not to begin. Pure; deliberately rough: browsers round what they tell.

/**
 * @typedef {object} Memory
 * @property {number | null} deviceGB navigator.deviceMemory: rounded to a power of two; null: not told
 * @property {boolean} mobile
 */

/** Python, onnxruntime and three units in flight, without a model. */
const BASE_MB = 350;
/** The file as it comes, onnxruntime's copy, and what it repacks of it. */
const COPIES = 3;
/** Of a device's memory, what one tab may have before it is ended. */
const TAB_SHARE = Object.freeze({ mobile: 0.25, desktop: 0.5 });
/** What is assumed where the browser doesn't say: phones that end a tab past about one gigabyte. */
const UNTOLD_MB = Object.freeze({ mobile: 1000, desktop: Infinity });

/**
 * @param {number} modelBytes
 * @param {Memory} memory
 * @returns {{fits: boolean, neededMB: number, budgetMB: number}}
 */
export function fit(modelBytes, { deviceGB, mobile }) {
  const kind = mobile ? 'mobile' : 'desktop';
  const neededMB = Math.ceil(BASE_MB + (COPIES * modelBytes) / 1e6);
  const budgetMB = deviceGB === null ? UNTOLD_MB[kind] : deviceGB * 1000 * TAB_SHARE[kind];
  return { fits: neededMB <= budgetMB, neededMB, budgetMB };
}

/**
 * @param {{deviceMemory?: unknown, userAgentData?: {mobile?: unknown}, userAgent: string, maxTouchPoints: number}} navigator
 * @returns {Memory}
 */
export function memoryOf({ deviceMemory, userAgentData, userAgent, maxTouchPoints }) {
  const told = typeof deviceMemory === 'number' && deviceMemory > 0 ? deviceMemory : null;
  // An iPad says it is a Macintosh, and no Macintosh has a touch screen.
  const isPad = /Macintosh/.test(userAgent) && maxTouchPoints > 1;
  const mobile = userAgentData?.mobile === true || isPad || /Mobi|Android|iPhone|iPad/.test(userAgent);
  return { deviceGB: told, mobile };
}
