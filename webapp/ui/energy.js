// What the work costs in power: a guess, since no browser tells. Pure.

/**
 * Watts that a device draws more than at rest while it computes without a break. A guess for a middling
 * machine: laptops' graphics cards take less, desktops' several times as much.
 * @type {Readonly<Record<string, number>>} by rung
 */
const WATTS = Object.freeze({ wasm: 15, python: 8 });
const GPU_WATTS = 80;
const JOULES_A_WATT_HOUR = 3600;

/**
 * @param {string} rung
 * @returns {number} watts while it computes
 */
export function wattsOf(rung) {
  return rung.startsWith('webgpu-') ? GPU_WATTS : (WATTS[rung] ?? 0);
}

/**
 * @param {number} joules
 * @returns {number} watt-hours
 */
export function wattHours(joules) {
  return joules / JOULES_A_WATT_HOUR;
}

/** Adds up what is used over time, in whole joules. The caller brings the clock. */
export class Meter {
  #joules = 0;
  /** @type {number | null} */
  #last = null;

  /**
   * @param {number} watts drawn since the last call
   * @param {number} at seconds
   * @returns {number} joules used since, as far as they are whole: the rest comes with a later call
   */
  read(watts, at) {
    if (this.#last !== null) this.#joules += watts * (at - this.#last);
    this.#last = at;
    const whole = Math.floor(this.#joules);
    this.#joules -= whole;
    return whole;
  }
}
