// Which scored pairs the page gets to show: a few at a time, at a pace that eyes can follow, however
// many are scored. All are counted.

/** @typedef {import('./wire.js').Column} Column */
/** @typedef {import('./wire.js').SeenPair} SeenPair */
/** @typedef {import('./wire.js').FromWorker} FromWorker */

const PAIRS_AT_ONCE = 3;
const EVERY_MS = 1500;
/** A larger file is shown without its picture: it would be copied and decoded once more. */
const MAX_PICTURE_BYTES = 4 << 20;
const SCORED = 0;

export class Showcase {
  #last = -Infinity;

  /**
   * @param {{pool: string, agent: string, columns: Column[], pairs: SeenPair[]}} batch
   * @param {Uint8Array<ArrayBuffer>} bytes of the unit
   * @returns {{message: FromWorker, transfer: Transferable[]}}
   */
  choose({ pool, agent, columns, pairs }, bytes) {
    const now = performance.now();
    const due = now - this.#last >= EVERY_MS;
    if (due) this.#last = now;
    const shown = (due ? spread(pairs, PAIRS_AT_ONCE) : []).map((pair) => ({
      uid: pair.uid,
      pool,
      caption: pair.caption,
      status: pair.status,
      score: pair.score,
      agent,
      columns,
      values: pair.values,
      picture: cut(pair.image, bytes),
    }));
    const scored = pairs.filter(({ status }) => status === SCORED).length;
    const transfer = shown.flatMap(({ picture }) => (picture === null ? [] : [picture.buffer]));
    return { message: { kind: 'seen', pairs: pairs.length, scored, shown }, transfer };
  }
}

/**
 * @param {SeenPair[]} pairs
 * @param {number} count
 * @returns {SeenPair[]} `count` of them or all, evenly spread
 */
function spread(pairs, count) {
  const step = Math.max(1, pairs.length / count);
  return Array.from({ length: Math.min(count, pairs.length) }, (_, i) => pairs[Math.floor(i * step)]);
}

/**
 * @param {[number, number] | null} span
 * @param {Uint8Array<ArrayBuffer>} bytes
 */
function cut(span, bytes) {
  if (span === null || span[1] > MAX_PICTURE_BYTES) return null;
  return bytes.slice(span[0], span[0] + span[1]);
}
