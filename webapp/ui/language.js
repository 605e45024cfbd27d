// The language that the page speaks: the one asked for (`?lang=zh`), the one chosen on an earlier
// visit, or the first of the browser's that is here.

const KEY = 'dva.language';

/** By BCP 47 primary subtag; their words: ./text/. */
export const LANGUAGES = Object.freeze(['en', 'zh']);

/**
 * @param {readonly (string | null)[]} wanted BCP 47 tags, the best first
 * @returns {string} one of LANGUAGES
 */
export function choose(wanted) {
  const primaries = wanted.map((tag) => tag?.toLowerCase().split('-')[0] ?? '');
  return primaries.find((primary) => LANGUAGES.includes(primary)) ?? 'en';
}

/** @param {string} language kept for the next visits; takes effect with the next load */
export function keep(language) {
  try {
    localStorage.setItem(KEY, language);
  } catch (error) {
    console.warn('This browser keeps nothing between visits:', error);
  }
}

/** @returns {string | null} */
function kept() {
  try {
    return globalThis.localStorage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}

const asked = new URLSearchParams(globalThis.location?.search ?? '').get('lang');

export const LANGUAGE = choose([asked, kept(), ...(globalThis.navigator?.languages ?? [])]);
