// What this browser remembers of the work it did: its device's id and token, how many pairs it has had
// scored, how many bytes that took.

import { isMarked, mark, recall, remember, unmark } from './kept.js';

/** @typedef {import('../engine/wire.js').Device} Device */

const DEVICE = 'dva.device';
const TOTALS = 'dva.totals';
const TRAFFIC = 'dva.traffic';
const ENERGY = 'dva.energy';
/** Of this tab only. */
const RELOADED = 'dva.reloaded';
const RUNNING = 'dva.running';

/** @typedef {{day: string, today: number, ever: number}} Totals the day in local time */

/**
 * What was counted in this visit: storage may refuse it, and a limit holds all the same.
 * @type {Map<string, Totals>}
 */
const visit = new Map();

/**
 * @param {string} key of the device in base64: what is known of another one is worth nothing
 * @returns {Device | null} null: the server doesn't know it
 */
export function savedDevice(key) {
  const { device, token, key: its } = recall(DEVICE);
  if (typeof device !== 'string' || typeof token !== 'string' || its !== key) return null;
  return { device, token };
}

/**
 * @param {string} key
 * @param {Device} device
 */
export function saveDevice(key, { device, token }) {
  remember(DEVICE, { device, token, key });
}

/** The server doesn't know this browser any more, or never did. */
export function dropDevice() {
  remember(DEVICE, {});
}

/** @param {Date} now */
function dayOf(now) {
  return `${now.getFullYear()}-${now.getMonth() + 1}-${now.getDate()}`;
}

/**
 * @param {string} key
 * @param {Date} now
 * @returns {Totals}
 */
function counted(key, now) {
  // Other tabs count too, and what they have is in storage only.
  const known = [recall(key), visit.get(key) ?? {}].map(readTotals);
  const day = dayOf(now);
  return {
    day,
    today: Math.max(0, ...known.filter((totals) => totals.day === day).map(({ today }) => today)),
    ever: Math.max(...known.map(({ ever }) => ever)),
  };
}

/**
 * @param {{day?: unknown, today?: unknown, ever?: unknown}} found
 * @returns {Totals}
 */
function readTotals({ day, today, ever }) {
  const whole = (/** @type {unknown} */ value) =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
  return { day: typeof day === 'string' ? day : '', today: whole(today), ever: whole(ever) };
}

/**
 * @param {string} key
 * @param {number} amount
 * @param {Date} now
 */
function add(key, amount, now) {
  const before = counted(key, now);
  const after = { ...before, today: before.today + amount, ever: before.ever + amount };
  visit.set(key, after);
  remember(key, after);
}

/**
 * @param {Date} now
 * @returns {Totals} pairs
 */
export function totals(now) {
  return counted(TOTALS, now);
}

/**
 * @param {number} pairs that the server has stored
 * @param {Date} now
 */
export function addToTotals(pairs, now) {
  add(TOTALS, pairs, now);
}

/**
 * @param {Date} now
 * @returns {Totals} bytes that came over the network for this page and its Workers
 */
export function traffic(now) {
  return counted(TRAFFIC, now);
}

/**
 * @param {number} bytes
 * @param {Date} now
 */
export function addToTraffic(bytes, now) {
  add(TRAFFIC, bytes, now);
}

/**
 * @param {Date} now
 * @returns {Totals} joules, by an estimate
 */
export function energy(now) {
  return counted(ENERGY, now);
}

/**
 * @param {number} joules
 * @param {Date} now
 */
export function addToEnergy(joules, now) {
  add(ENERGY, joules, now);
}

/**
 * For a page that would load itself anew: once, until it works. Where that can't be remembered, never,
 * lest it reload for ever.
 * @returns {boolean}
 */
export function mayReload() {
  return !isMarked(RELOADED) && mark(RELOADED);
}

/** The page works: when a newer one is out, it may load that. */
export function allowReload() {
  unmark(RELOADED);
}

/** @param {boolean} running whether this tab shall go on by itself after a reload */
export function rememberRunning(running) {
  if (running) mark(RUNNING);
  else unmark(RUNNING);
}

/** @returns {boolean} whether this tab was at work when it was loaded anew */
export function wasRunning() {
  return isMarked(RUNNING);
}
