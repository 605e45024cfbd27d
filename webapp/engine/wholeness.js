// Whether a picture's file is all there: browsers paint what they got of half a file, Pillow mostly
// refuses. The twin of webapp/dva_agent/wholeness.py, whose docstring states the rule; the pictures
// have passed dva_agent.images.sniff, so their headers are known to make sense.

import { areWhole } from './scanlines.js';

const IDAT = 0x49444154;
const IEND = 0x49454e44;
const PLTE = 0x504c5445;
const PNG_FIRST_CHUNK = 8;
const PNG_HEADER_SIZE = 13;
const ANCILLARY = 0x20000000;
const MAX_MARKERS = 4096;

/** @type {Int32Array | undefined} */
let crcTable;

/**
 * The media type of a picture that `sniff` let through.
 * @param {Uint8Array} data
 * @returns {'image/jpeg' | 'image/png' | 'image/webp'}
 */
export function mediaType(data) {
  if (data[0] === 0xff) return 'image/jpeg';
  return data[0] === 0x89 ? 'image/png' : 'image/webp';
}

/**
 * @param {Uint8Array<ArrayBuffer>} data
 * @returns {Promise<boolean>}
 */
export async function isWhole(data) {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  if (data.length < 12) return false;
  switch (mediaType(data)) {
    case 'image/jpeg':
      return isWholeJpeg(view);
    case 'image/png':
      return isWholePng(data, view);
    default:
      return 8 + view.getUint32(4, true) <= data.length;
  }
}

/**
 * An end-of-image marker follows the header of the first scan.
 * @param {DataView} view
 */
function isWholeJpeg(view) {
  const length = view.byteLength;
  let at = 2;
  for (let markers = 0; ; markers++) {
    if (markers === MAX_MARKERS) return false;
    while (at < length && view.getUint8(at) !== 0xff) at++;
    while (at < length && view.getUint8(at) === 0xff) at++;
    if (at >= length) return false;
    const marker = view.getUint8(at++);
    if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) continue;
    if (marker === 0xd9 || at + 2 > length) return false;
    const payload = view.getUint16(at);
    if (payload < 2) return false;
    at += payload;
    if (marker === 0xda) break;
  }
  for (; at + 1 < length; at++) {
    if (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xd9) return true;
  }
  return false;
}

/**
 * Chunks up to and with IEND lie inside the file, their checksums are right, none critical is unknown,
 * and the pixels are the header's.
 * @param {Uint8Array<ArrayBuffer>} data
 * @param {DataView} view
 */
async function isWholePng(data, view) {
  const pixels = [];
  for (let at = PNG_FIRST_CHUNK; at + 8 <= data.length; ) {
    const end = at + 8 + view.getUint32(at);
    const kind = view.getUint32(at + 4);
    if (end + 4 > data.length) return false;
    if (crc32(data.subarray(at + 4, end)) !== view.getInt32(end)) return false;
    if (kind === IEND) {
      const header = new DataView(data.buffer, data.byteOffset + PNG_FIRST_CHUNK + 8, PNG_HEADER_SIZE);
      return areWhole(header, pixels);
    }
    if (kind === IDAT) pixels.push(data.subarray(at + 8, end));
    const known = at === PNG_FIRST_CHUNK || kind === IDAT || kind === PLTE;
    if (!known && (kind & ANCILLARY) === 0) return false;
    at = end + 4;
  }
  return false;
}

/**
 * @param {Uint8Array} data
 * @returns {number} as a signed 32-bit integer
 */
function crc32(data) {
  crcTable ??= Int32Array.from({ length: 256 }, (_, value) => {
    let c = value;
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
    return c;
  });
  let crc = -1;
  for (let i = 0; i < data.length; i++) crc = crcTable[(crc ^ data[i]) & 0xff] ^ (crc >>> 8);
  return ~crc;
}
