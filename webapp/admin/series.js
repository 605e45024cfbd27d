// What /admin/history tells, made ready for charts and tables: no page, no clock.

/**
 * @typedef {object} History
 * @property {string} at
 * @property {number} period_s
 * @property {number[]} starts seconds since 1970
 * @property {Record<string, (number | null)[]>} lines null: nobody looked
 * @property {{key: string, value: string, note: string}[]} figures
 * @property {Record<string, string>} left
 */

const NUMBER = new Intl.NumberFormat('en', { maximumFractionDigits: 1 });
const SMALL = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

/**
 * @param {History} found
 * @param {readonly string[]} keys
 * @returns {(number | null)[][]} times, and the values of each line
 */
export function chartData({ starts, lines }, keys) {
  return [starts, ...keys.map((key) => lines[key])];
}

/** @param {number | null | undefined} value */
export function cell(value) {
  if (value === null || value === undefined) return '–';
  return (Math.abs(value) < 1 ? SMALL : NUMBER).format(value);
}

/** @param {number} at seconds since 1970 @returns {string} 14:05, in UTC like the rest of these pages */
export function clock(at) {
  return new Date(at * 1000).toISOString().slice(11, 16);
}

/** @param {number} at seconds since 1970 @returns {string} 11-28, in UTC */
export function day(at) {
  return new Date(at * 1000).toISOString().slice(5, 10);
}

/**
 * When a minute or an hour began: 14:05, and 11-28 14:00, since there are hours of many days.
 * @param {number} at seconds since 1970
 * @param {number} periodS
 */
export function moment(at, periodS) {
  return periodS < 3600 ? clock(at) : `${day(at)} ${clock(at)}`;
}

/**
 * @param {History} found
 * @param {readonly string[]} keys
 * @param {readonly string[]} labels
 * @param {number | null} index which period; null: of each line the latest that is known
 */
export function latest(found, keys, labels, index) {
  const parts = keys.map((key, number) => {
    const values = found.lines[key];
    const value = index === null ? values.findLast((each) => each !== null) : values[index];
    const unknown = index === null ? 'not known' : '–';
    return `${labels[number]}: ${value === null || value === undefined ? unknown : cell(value)}`;
  });
  const when = index === null ? '' : `${moment(found.starts[index], found.period_s)} UTC, `;
  return when + parts.join(', ');
}
