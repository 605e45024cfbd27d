// Pillow 13's `Image.resize(..., BICUBIC)`, byte for byte, computed only where the centre crop needs
// it. A separable convolution in integers: weights in float64, antialiased when shrinking, rounded
// to 22 fractional bits, sums clamped to a byte between the two passes.
//
// Source of the arithmetic: src/libImaging/Resample.c of python-pillow/Pillow. The order of
// the passes changes the bytes; version 13 goes vertical first where that is cheaper.

/** @typedef {import('./geometry.js').Geometry} Geometry */

const PRECISION_BITS = 22;
const HALF = 1 << (PRECISION_BITS - 1);
const SUPPORT = 2;
const A = -0.5;

/**
 * For each of some consecutive output positions: which inputs it sums, and with which weights.
 * @typedef {object} Kernel
 * @property {number} taps stride of `weights`
 * @property {Int32Array} first the first input of each output
 * @property {Int32Array} count how many inputs it sums
 * @property {Int32Array} weights `taps` for each output, fixed point
 */

/** @param {number} x */
function cubic(x) {
  const d = Math.abs(x);
  if (d < 1) return ((A + 2) * d - (A + 3)) * d * d + 1;
  if (d < 2) return (((d - 5) * d + 8) * d - 4) * A;
  return 0;
}

/**
 * @param {number} inputs length of the source side
 * @param {number} outputs length of the whole resized side
 * @param {number} from first output that is wanted
 * @param {number} wanted how many
 * @returns {Kernel}
 */
export function kernel(inputs, outputs, from, wanted) {
  const scale = inputs / outputs;
  const filterScale = Math.max(scale, 1);
  const support = SUPPORT * filterScale;
  const inverse = 1 / filterScale;
  const taps = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(wanted);
  const count = new Int32Array(wanted);
  const weights = new Int32Array(wanted * taps);
  const exact = new Float64Array(taps);
  for (let i = 0; i < wanted; i++) {
    const center = (from + i + 0.5) * scale;
    const low = Math.max(Math.trunc(center - support + 0.5), 0);
    const n = Math.min(Math.trunc(center + support + 0.5), inputs) - low;
    let total = 0;
    for (let x = 0; x < n; x++) {
      exact[x] = cubic((x + low - center + 0.5) * inverse);
      total += exact[x];
    }
    for (let x = 0; x < n; x++) {
      const weight = total === 0 ? exact[x] : exact[x] / total;
      weights[i * taps + x] = Math.trunc(weight * 2 ** PRECISION_BITS + (weight < 0 ? -0.5 : 0.5));
    }
    first[i] = low;
    count[i] = n;
  }
  return { taps, first, count, weights };
}

/**
 * The part of the source that a crop needs.
 * @typedef {{left: number, top: number, width: number, height: number}} Window
 */

/**
 * @typedef {object} Plan
 * @property {Kernel} across
 * @property {Kernel} down
 * @property {boolean} downFirst
 * @property {Window} window
 * @property {number} size side of the square that comes out
 */

/**
 * @param {number} width of the source
 * @param {number} height of the source
 * @param {Geometry} to
 * @returns {Plan}
 */
export function plan(width, height, to) {
  const across = kernel(width, to.width, to.left, to.size);
  const down = kernel(height, to.height, to.top, to.size);
  const shorter = height - to.height;
  const last = to.size - 1;
  return {
    across,
    down,
    downFirst: shorter > 0 && shorter > 2 * (width - to.width),
    window: {
      left: across.first[0],
      top: down.first[0],
      width: across.first[last] + across.count[last] - across.first[0],
      height: down.first[last] + down.count[last] - down.first[0],
    },
    size: to.size,
  };
}

/**
 * @param {Uint8ClampedArray | Uint8Array} source RGBA of the plan's window, row by row; alpha is ignored
 * @param {Plan} how
 * @returns {Uint8Array} [3, size, size]
 */
export function resample(source, how) {
  const { across, down, window, size } = how;
  const target = new Uint8Array(3 * size * size);
  const plane = size * size;
  if (how.downFirst) {
    const between = new Uint8ClampedArray(size * window.width * 3);
    const row = window.width * 3;
    convolve(source, 4, window.width * 4, window.width, down, window.top, size, between, 3, row, 1);
    convolve(between, row, 3, size, across, window.left, size, target, size, 1, plane);
  } else {
    const between = new Uint8ClampedArray(window.height * size * 3);
    const row = size * 3;
    convolve(source, window.width * 4, 4, window.height, across, window.left, size, between, row, 3, 1);
    convolve(between, 3, row, size, down, window.top, size, target, 1, size, plane);
  }
  return target;
}

/**
 * One pass over three channels. A line is what the pass leaves alone (a row or a column), a step goes
 * along the convolution.
 * @param {Uint8ClampedArray | Uint8Array} source channels lie side by side
 * @param {number} sourceLine
 * @param {number} sourceStep
 * @param {number} lines
 * @param {Kernel} how
 * @param {number} origin input position of the source's first step
 * @param {number} outputs
 * @param {Uint8ClampedArray | Uint8Array} target
 * @param {number} targetLine
 * @param {number} targetStep
 * @param {number} targetChannel
 */
function convolve(
  source, sourceLine, sourceStep, lines, how, origin, outputs,
  target, targetLine, targetStep, targetChannel,
) {
  const { taps, first, count, weights } = how;
  for (let line = 0; line < lines; line++) {
    for (let i = 0; i < outputs; i++) {
      let at = line * sourceLine + (first[i] - origin) * sourceStep;
      let r = HALF;
      let g = HALF;
      let b = HALF;
      const end = i * taps + count[i];
      for (let k = i * taps; k < end; k++) {
        const weight = weights[k];
        r = (r + Math.imul(source[at], weight)) | 0;
        g = (g + Math.imul(source[at + 1], weight)) | 0;
        b = (b + Math.imul(source[at + 2], weight)) | 0;
        at += sourceStep;
      }
      const to = line * targetLine + i * targetStep;
      target[to] = clampByte(r >> PRECISION_BITS);
      target[to + targetChannel] = clampByte(g >> PRECISION_BITS);
      target[to + 2 * targetChannel] = clampByte(b >> PRECISION_BITS);
    }
  }
}

/** @param {number} value */
function clampByte(value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
