// Whether a PNG's compressed pixels are those of its header: no row missing, none too many. The twin
// of webapp/dva_agent/scanlines.py, whose text states the rule. The pixels are looked at as they come
// out of the browser's own inflater, and never held.

const LAST_FILTER = 4;
const RGB = 2;
/** First column and row of each pass, and its steps. */
const ADAM7 = Object.freeze([
  [0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2],
]);
const WHOLE = Object.freeze([[0, 0, 1, 1]]);

/**
 * @param {DataView} header an IHDR's payload
 * @param {Uint8Array<ArrayBuffer>[]} stream the IDAT payloads, in order
 * @returns {Promise<boolean>}
 */
export async function areWhole(header, stream) {
  const rows = rowStarts(header);
  let next = rows.next();
  let at = 0;
  const reader = new Blob(stream).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return next.done === true && at === next.value;
      for (; !next.done && next.value < at + value.length; next = rows.next()) {
        if (value[next.value - at] > LAST_FILTER) return false;
      }
      at += value.length;
      if (next.done && at > next.value) return false;
    }
  } catch {
    // Not a zlib stream, or not a whole one, or one with a wrong checksum or something after it.
    return false;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * @param {DataView} header
 * @returns {Generator<number, number>} where each row begins; the end of all is what it returns
 */
function* rowStarts(header) {
  const [width, height] = [header.getUint32(0), header.getUint32(4)];
  const bits = header.getUint8(8) * (header.getUint8(9) === RGB ? 3 : 1);
  let at = 0;
  for (const [left, top, right, down] of header.getUint8(12) === 1 ? ADAM7 : WHOLE) {
    const columns = Math.ceil((width - left) / right);
    const rows = Math.ceil((height - top) / down);
    if (columns <= 0) continue;
    for (let row = 0; row < rows; row++) {
      yield at;
      at += 1 + Math.ceil((columns * bits) / 8);
    }
  }
  return at;
}
