// Whether the agent may work now, and if not, why and until when. Pure: (settings, conditions, clock)
// -> decision. Days and times are local ones: a Date made from local parts knows of summer time.

/** @typedef {import('./settings.js').Settings} Settings */

/** @typedef {'consent' | 'schedule' | 'cap' | 'battery' | 'active'} Reason */

/**
 * @typedef {object} Conditions
 * @property {boolean} consented to what would run
 * @property {number} bytesToday
 * @property {boolean | null} onBattery null: this browser doesn't say
 * @property {boolean | null} inUse whether somebody uses the device; null: this browser doesn't say
 */

/**
 * @typedef {{run: true} | {run: false, reason: Reason, until: Date | null}} Decision `until` null: no
 *   clock ends it
 */

/** @type {Readonly<Conditions>} */
export const UNKNOWN = Object.freeze({ consented: true, bytesToday: 0, onBattery: null, inUse: null });

const BYTES_PER_MB = 1e6;

/**
 * @param {Settings} settings
 * @param {Conditions} conditions
 * @param {Date} now
 * @returns {Decision}
 */
export function decide(settings, conditions, now) {
  if (!conditions.consented) return rest('consent', null);
  const { schedule } = settings;
  if (schedule.on && !isWithin(schedule, now)) return rest('schedule', next(schedule.from, now));
  if (settings.capMB > 0 && conditions.bytesToday >= settings.capMB * BYTES_PER_MB) {
    return rest('cap', midnight(now));
  }
  if (settings.restOnBattery && conditions.onBattery === true) return rest('battery', null);
  if (settings.whenIdle && conditions.inUse === true) return rest('active', null);
  return { run: true };
}

/**
 * @param {Reason} reason
 * @param {Date | null} until
 * @returns {Decision}
 */
function rest(reason, until) {
  return { run: false, reason, until };
}

/**
 * @param {string} time HH:MM
 * @returns {[hours: number, minutes: number]}
 */
function parts(time) {
  const [hours, minutes] = time.split(':').map(Number);
  return [hours, minutes];
}

/**
 * By what the clock on the wall shows. The first minute is inside, the last is not; from a time to the
 * same time is all day.
 * @param {{from: string, to: string}} schedule
 * @param {Date} now
 */
export function isWithin({ from, to }, now) {
  const minuteOf = (/** @type {string} */ time) => parts(time)[0] * 60 + parts(time)[1];
  const [begin, end] = [minuteOf(from), minuteOf(to)];
  const minute = now.getHours() * 60 + now.getMinutes();
  if (begin === end) return true;
  return begin < end ? begin <= minute && minute < end : begin <= minute || minute < end;
}

/**
 * @param {string} time HH:MM
 * @param {Date} now
 * @returns {Date} when the clock shows it next
 */
function next(time, now) {
  const [hours, minutes] = parts(time);
  const on = (/** @type {number} */ days) =>
    new Date(now.getFullYear(), now.getMonth(), now.getDate() + days, hours, minutes);
  return on(0) > now ? on(0) : on(1);
}

/** @param {Date} now */
function midnight(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1);
}

/**
 * @param {Decision} one
 * @param {Decision} other
 * @returns {boolean} whether they say the same
 */
export function isSame(one, other) {
  if (one.run || other.run) return one.run === other.run;
  return one.reason === other.reason && one.until?.getTime() === other.until?.getTime();
}
