// Embeddings are rows of unit norm. Anything else is a fault of the hardware or its driver, and must
// never become a score.

import { TabError } from './errors.js';

const NORM_TOLERANCE = 1e-3;

/** @typedef {{rows: number, dim: number, data: Float32Array<ArrayBuffer>}} Embeddings */

/**
 * @param {Embeddings} embeddings
 * @param {string} what for the message
 */
export function checkNorms({ rows, dim, data }, what) {
  if (data.length !== rows * dim) {
    throw new TabError('numeric_fault', `${what}: ${data.length} numbers for ${rows} rows of ${dim}.`);
  }
  for (let row = 0; row < rows; row++) {
    let square = 0;
    for (let i = row * dim; i < (row + 1) * dim; i++) square += data[i] * data[i];
    const norm = Math.sqrt(square);
    if (!(Math.abs(norm - 1) <= NORM_TOLERANCE)) {
      throw new TabError('numeric_fault', `${what}: row ${row} has norm ${norm}, not 1.`);
    }
  }
}

/**
 * Cosine of image row i with row rows[i] of all texts, one after another. In float64.
 * @param {Embeddings} images
 * @param {Embeddings[]} texts
 * @param {Int32Array} rows
 * @returns {Float64Array<ArrayBuffer>}
 */
export function similarity(images, texts, rows) {
  if (rows.length !== images.rows) {
    throw new TabError('engine_failed', `${rows.length} text rows for ${images.rows} images.`);
  }
  const places = texts.flatMap((text) =>
    Array.from({ length: text.rows }, (_, row) => ({ data: text.data, at: row * text.dim })),
  );
  return Float64Array.from(rows, (row, i) => {
    if (row < 0 || row >= places.length) throw new TabError('engine_failed', `No text row ${row}.`);
    const { data, at } = places[row];
    let sum = 0;
    for (let d = 0; d < images.dim; d++) sum += images.data[i * images.dim + d] * data[at + d];
    return sum;
  });
}
