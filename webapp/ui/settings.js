// What the contributor chose: one record in this browser, checked field by field whenever it is read.
// A field that makes no sense has its default; the others stand.

import { recall, remember } from './kept.js';

/** @typedef {'gentle' | 'normal' | 'full'} Power */
/** @typedef {{on: boolean, from: string, to: string}} Schedule local times, as 22:00 */

/**
 * @typedef {object} Settings
 * @property {Power} power
 * @property {boolean} whenIdle works only while nobody uses this device
 * @property {boolean} restOnBattery
 * @property {number} capMB megabytes a day; 0: no cap
 * @property {Schedule} schedule
 * @property {boolean} showPictures also those of pools that aren't known to be safe; said to be 18
 */

const KEY = 'dva.settings';
const VERSION = 1;
export const MAX_CAP_MB = 1_000_000;

/** How much of the time the device computes. */
export const SHARES = Object.freeze({ gentle: 0.25, normal: 0.6, full: 1 });

/** @type {Readonly<Settings>} */
export const DEFAULTS = Object.freeze({
  power: 'normal',
  whenIdle: false,
  restOnBattery: true,
  capMB: 0,
  schedule: Object.freeze({ on: false, from: '22:00', to: '07:00' }),
  showPictures: false,
});

/**
 * @param {unknown} value
 * @returns {value is string} a local time of day as time inputs write it
 */
export function isTime(value) {
  return typeof value === 'string' && /^([01]\d|2[0-3]):[0-5]\d$/.test(value);
}

/**
 * @param {unknown} value
 * @returns {value is Power}
 */
export function isPower(value) {
  return typeof value === 'string' && Object.hasOwn(SHARES, value);
}

/**
 * @param {Record<string, unknown>} found
 * @returns {Settings}
 */
export function checked(found) {
  if (found.version !== VERSION) return { ...DEFAULTS };
  const { power, whenIdle, restOnBattery, capMB, schedule, showPictures } = found;
  const flag = (/** @type {unknown} */ value, /** @type {boolean} */ otherwise) =>
    typeof value === 'boolean' ? value : otherwise;
  const isCap = typeof capMB === 'number' && Number.isInteger(capMB) && capMB >= 0 && capMB <= MAX_CAP_MB;
  return {
    power: isPower(power) ? power : DEFAULTS.power,
    whenIdle: flag(whenIdle, DEFAULTS.whenIdle),
    restOnBattery: flag(restOnBattery, DEFAULTS.restOnBattery),
    capMB: isCap ? capMB : DEFAULTS.capMB,
    schedule: checkedSchedule(schedule),
    showPictures: flag(showPictures, DEFAULTS.showPictures),
  };
}

/**
 * @param {unknown} found
 * @returns {Schedule}
 */
function checkedSchedule(found) {
  const { on, from, to } = /** @type {Record<string, unknown>} */ (found ?? {});
  if (typeof on !== 'boolean' || !isTime(from) || !isTime(to)) return { ...DEFAULTS.schedule };
  return { on, from, to };
}

/** The settings now. Tells "change", also of what another tab has changed. */
export class SettingsStore extends EventTarget {
  #value = checked(recall(KEY));

  constructor() {
    super();
    globalThis.addEventListener?.('storage', (event) => {
      if (/** @type {StorageEvent} */ (event).key !== KEY) return;
      this.#value = checked(recall(KEY));
      this.dispatchEvent(new Event('change'));
    });
  }

  get value() {
    return this.#value;
  }

  /** @param {Partial<Settings>} changes */
  set(changes) {
    const record = { ...this.#value, ...changes, version: VERSION };
    this.#value = checked(record);
    remember(KEY, { ...this.#value, version: VERSION });
    this.dispatchEvent(new Event('change'));
  }
}
