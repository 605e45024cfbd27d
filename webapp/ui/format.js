// Numbers as people read them.

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = Object.freeze(['B', 'kB', 'MB', 'GB', 'TB']);
const MINUTE_S = 60;
const HOUR_S = 3600;

/** @param {number} value */
export function count(value) {
  return WHOLE.format(value);
}

/**
 * @param {number} value
 * @param {number} digits
 */
export function decimal(value, digits) {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text.replace('-', '−');
}

/** @param {number} value at least 0 */
export function bytes(value) {
  const power = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), UNITS.length - 1);
  const scaled = value / 1000 ** power;
  return `${power === 0 || scaled >= 100 ? WHOLE.format(scaled) : scaled.toFixed(1)} ${UNITS[power]}`;
}

/** @param {number} seconds at least 0 */
export function duration(seconds) {
  if (seconds < MINUTE_S) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  return `${(seconds / HOUR_S).toFixed(1)} h`;
}

/** @param {number} value pairs a second */
export function rate(value) {
  return value >= 100 ? WHOLE.format(value) : value.toFixed(1);
}

/**
 * A small difference: 0.0000002 as 2 × 10⁻⁷.
 * @param {number} value at least 0
 */
export function exponent(value) {
  if (value === 0) return '0';
  const [digits, power] = value.toExponential(0).split('e');
  const raise = (/** @type {string} */ c) => (c === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(c)]);
  return `${digits} × 10${[...String(Number(power))].map(raise).join('')}`;
}
