// One agent a browser: the turn to run is a Web Lock. It also keeps browsers from freezing a tab that
// works in the background.

const LOCK = 'dva-agent';

/** @typedef {{end: () => void, taken: Promise<void>}} Turn `taken`: another tab stole it */

/**
 * @param {LockOptions} options
 * @returns {Promise<Turn | null>} null if another tab has it (with ifAvailable)
 */
function request(options) {
  return new Promise((resolve, reject) => {
    let stolen = () => {};
    const taken = new Promise((/** @type {(value: void) => void} */ done) => {
      stolen = done;
    });
    let granted = false;
    navigator.locks
      .request(LOCK, options, (lock) => {
        if (lock === null) return resolve(null);
        granted = true;
        return new Promise((/** @type {(value: void) => void} */ end) => resolve({ end, taken }));
      })
      .catch((error) => (granted ? stolen() : reject(error)));
  });
}

/**
 * @returns {Promise<boolean>} whether turns can be had at all: where site data is blocked, locks are there
 *   and refuse
 */
export async function hasTurns() {
  try {
    await navigator.locks.query();
    return true;
  } catch (error) {
    console.warn('This browser gives no locks:', error);
    return false;
  }
}

/** @returns {Promise<Turn | null>} the turn, or null if another tab has it */
export function takeTurn() {
  return request({ ifAvailable: true });
}

/** @returns {Promise<Turn>} at once, from whoever has it */
export async function stealTurn() {
  return /** @type {Turn} */ (await request({ steal: true }));
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<Turn>} when the other tab has ended; rejects with AbortError on the signal
 */
export async function awaitTurn(signal) {
  return /** @type {Turn} */ (await request({ signal }));
}

/** @returns {Promise<boolean>} whether another tab has the turn now */
export async function isTaken() {
  const { held = [] } = await navigator.locks.query();
  return held.some(({ name }) => name === LOCK);
}
