// Which scored pairs the page gets to show: a few at a time, at a pace that eyes can follow, however
// many are scored. All are counted, and all scores are told.

/** @typedef {import('./wire.js').Column} Column */
/** @typedef {import('./wire.js').SeenPair} SeenPair */
/** @typedef {import('./wire.js').SeenBatch} SeenBatch */

const PAIRS_AT_ONCE = 3;
const EVERY_MS = 1500;
/** A larger file is shown without its picture: it would be copied and decoded once more. */
const MAX_PICTURE_BYTES = 4 << 20;
const SCORED = 0;

export class Showcase {
  #last = -Infinity;

  /**
   * @param {{unit: string, pool: string, bundle: string, agent: string, columns: Column[], pairs: SeenPair[]}} batch
   * @param {Uint8Array<ArrayBuffer>} bytes of the unit
   * @returns {{message: SeenBatch, transfer: Transferable[]}}
   */
  choose({ unit, pool, bundle, agent, columns, pairs }, bytes) {
    const now = performance.now();
    const due = now - this.#last >= EVERY_MS;
    if (due) this.#last = now;
    const shown = (due ? spread(pairs, PAIRS_AT_ONCE) : []).map((pair) => ({
      uid: pair.uid,
      unit,
      pool,
      bundle,
      caption: pair.caption,
      ids: pair.ids,
      status: pair.status,
      score: pair.score,
      agent,
      columns,
      values: pair.values,
      picture: cut(pair.image, bytes),
    }));
    const scores = Float32Array.from(
      pairs.flatMap(({ status, score }) => (status === SCORED && score !== null ? [score] : [])),
    );
    const pictures = shown.flatMap(({ picture }) => (picture === null ? [] : [picture.buffer]));
    return {
      message: { kind: 'seen', pool, bundle, columns, pairs: pairs.length, scores, shown },
      transfer: [scores.buffer, ...pictures],
    };
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
