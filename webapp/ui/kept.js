// What this browser remembers between visits, as JSON by name. Where storage is refused (a private
// window, a strict setting), the page works and forgets.

/**
 * @param {string} key
 * @returns {Record<string, unknown>} as it was found: hostile until checked; empty if there is none
 */
export function recall(key) {
  try {
    const found = JSON.parse(localStorage.getItem(key) ?? '{}');
    return found !== null && typeof found === 'object' && !Array.isArray(found) ? found : {};
  } catch {
    return {};
  }
}

/**
 * @param {string} key
 * @param {object} value
 */
export function remember(key, value) {
  try {
    localStorage.setItem(key, JSON.stringify(value));
  } catch (error) {
    console.warn('This browser keeps nothing between visits:', error);
  }
}

/**
 * A mark that lives as long as this tab, reloads included.
 * @param {string} key
 * @returns {boolean} whether it could be set: a page that can't remember must not act as if it did
 */
export function mark(key) {
  try {
    sessionStorage.setItem(key, '1');
    return true;
  } catch (error) {
    console.warn('This browser keeps nothing between loads:', error);
    return false;
  }
}

/** @param {string} key */
export function isMarked(key) {
  try {
    return sessionStorage.getItem(key) !== null;
  } catch {
    return false;
  }
}

/** @param {string} key */
export function unmark(key) {
  try {
    sessionStorage.removeItem(key);
  } catch (error) {
    console.warn('This browser keeps nothing between loads:', error);
  }
}
