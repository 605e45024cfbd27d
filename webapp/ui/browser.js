// Which browser this is, as coarsely as the public table of self-tests tells it.

/**
 * @param {string} userAgent
 * @returns {'chromium' | 'firefox' | 'safari' | 'other'} on iOS and iPadOS every browser is Safari's engine
 */
export function browserOf(userAgent) {
  if (/\b(CriOS|FxiOS|EdgiOS)\b/.test(userAgent)) return 'safari';
  if (/\bFirefox\//.test(userAgent)) return 'firefox';
  if (/\bChrom(e|ium)\//.test(userAgent)) return 'chromium';
  return /\bVersion\/[\d.]+.*\bSafari\//.test(userAgent) ? 'safari' : 'other';
}
