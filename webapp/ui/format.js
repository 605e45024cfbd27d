// Numbers as people read them, in the page's language.

import { LANGUAGE } from './language.js';

/** @type {Readonly<Record<string, {second: string, minute: string, hour: string}>>} */
const TIME_UNITS = Object.freeze({
  en: { second: ' s', minute: ' min', hour: ' h' },
  zh: { second: ' 秒', minute: ' 分钟', hour: ' 小时' },
});
const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const UNITS = Object.freeze(['B', 'kB', 'MB', 'GB', 'TB']);
const OPERATIONS = Object.freeze(['MFLOP', 'GFLOP', 'TFLOP', 'PFLOP', 'EFLOP', 'ZFLOP']);
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

/**
 * @param {number} seconds at least 0
 * @param {string} [language]
 */
export function duration(seconds, language = LANGUAGE) {
  const units = TIME_UNITS[language] ?? TIME_UNITS.en;
  if (seconds < MINUTE_S) return `${Math.max(1, Math.round(seconds))}${units.second}`;
  if (seconds < HOUR_S) return `${Math.round(seconds / MINUTE_S)}${units.minute}`;
  return `${(seconds / HOUR_S).toFixed(1)}${units.hour}`;
}

/**
 * A time of day, and the day where it isn't today.
 * @param {Date} time
 * @param {string} [language]
 * @param {Date} [now]
 */
export function clock(time, language = LANGUAGE, now = new Date()) {
  const isToday = time.toDateString() === now.toDateString();
  /** @type {Intl.DateTimeFormatOptions} */
  const day = isToday ? {} : { weekday: 'short' };
  return new Intl.DateTimeFormat(language, { ...day, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).format(time);
}

/** @param {number} credits at least 0, in millions of floating-point operations */
export function operations(credits) {
  const power = credits < 1000 ? 0 : Math.min(Math.floor(Math.log10(credits) / 3), OPERATIONS.length - 1);
  const scaled = credits / 1000 ** power;
  return `${power === 0 || scaled >= 100 ? WHOLE.format(scaled) : scaled.toFixed(1)} ${OPERATIONS[power]}`;
}

/**
 * @param {Date} time
 * @param {string} [language]
 */
export function day(time, language = LANGUAGE) {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium' }).format(time);
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
