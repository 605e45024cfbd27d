// Which pictures are hidden behind a blur: those of pools that aren't known to be safe, unless somebody
// asked to see them. Pure.

/** @typedef {{pool: string, uid: string}} Named */

export class Curtain {
  /** Pools whose pictures may be shown to anybody. @type {ReadonlySet<string>} */
  safe = new Set();
  /** Whether the person asked to see all. */
  open = false;
  /** Single pictures that the person asked to see. @type {Set<string>} */
  #lifted = new Set();

  /** @param {Named} pair */
  hides(pair) {
    return !this.open && !this.safe.has(pair.pool) && !this.#lifted.has(keyOf(pair));
  }

  /** @param {Named} pair shown from now on, as long as the page is open */
  lift(pair) {
    this.#lifted.add(keyOf(pair));
  }

  /** @param {string} pool */
  concerns(pool) {
    return !this.safe.has(pool);
  }
}

/** @param {Named} pair */
export function keyOf({ pool, uid }) {
  return `${pool} ${uid}`;
}
