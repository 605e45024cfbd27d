// What the browser says about the device: whether it runs on battery, and whether somebody uses it.
// Many browsers don't say; then the page doesn't know, and says so.

/** The least that browsers allow. */
const IDLE_AFTER_MS = 60_000;

/**
 * @typedef {object} BatteryManager
 * @property {boolean} charging
 * @property {(kind: string, listener: () => void) => void} addEventListener
 */

/** @typedef {{userState: 'active' | 'idle' | null, screenState: 'locked' | 'unlocked' | null} & EventTarget} Detector */

/** @typedef {new () => Detector & {start: (options: {threshold: number}) => Promise<void>}} DetectorKind */

/** Tells "change". */
export class Conditions extends EventTarget {
  /** @type {BatteryManager | null} */
  #battery = null;
  /** @type {Detector | null} */
  #detector = null;

  /** @returns {boolean | null} null: this browser doesn't say */
  get onBattery() {
    return this.#battery === null ? null : !this.#battery.charging;
  }

  /** @returns {boolean | null} null: this browser doesn't say, or wasn't allowed to */
  get inUse() {
    if (this.#detector === null) return null;
    return this.#detector.userState !== 'idle' && this.#detector.screenState !== 'locked';
  }

  get canTellBattery() {
    return 'getBattery' in navigator;
  }

  get canTellUse() {
    return detectorKind() !== null;
  }

  /** Begins to watch what needs no permission, or has it already. */
  async watch() {
    await Promise.all([this.#watchBattery(), this.#watchUse()]);
  }

  /**
   * Asks the person for the permission. Browsers want a click for that.
   * @returns {Promise<boolean>} whether it was given
   */
  async askAboutUse() {
    const kind = /** @type {any} */ (detectorKind());
    if (kind === null || (await kind.requestPermission()) !== 'granted') return false;
    await this.#watchUse();
    return this.#detector !== null;
  }

  async #watchBattery() {
    if (!this.canTellBattery) return;
    try {
      const battery = /** @type {BatteryManager} */ (await /** @type {any} */ (navigator).getBattery());
      battery.addEventListener('chargingchange', () => this.#changed());
      this.#battery = battery;
      this.#changed();
    } catch (error) {
      console.warn('This browser says nothing about its battery:', error);
    }
  }

  async #watchUse() {
    const Kind = detectorKind();
    if (Kind === null || this.#detector !== null) return;
    try {
      // Asking for the state of a permission needs none; start() without it throws.
      const name = /** @type {PermissionName} */ (/** @type {unknown} */ ('idle-detection'));
      if ((await navigator.permissions.query({ name })).state !== 'granted') return;
      const detector = new Kind();
      detector.addEventListener('change', () => this.#changed());
      await detector.start({ threshold: IDLE_AFTER_MS });
      this.#detector = detector;
      this.#changed();
    } catch (error) {
      console.warn('This browser does not say whether the device is in use:', error);
    }
  }

  #changed() {
    this.dispatchEvent(new Event('change'));
  }
}

/** @returns {DetectorKind | null} */
function detectorKind() {
  return /** @type {any} */ (globalThis).IdleDetector ?? null;
}
