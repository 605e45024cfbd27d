// The parts of a file that make its picture, for the browser's decoder to see no others.
//
// JPEG: all but EXIF. Browsers turn pictures as EXIF says, even with imageOrientation 'none'; Pillow
// and thus the model's training never did. (WebP: Chromium doesn't look at its EXIF; the pixel tests
// would tell.) PNG: as in webapp/dva_agent/native/pixels.py, signature, IHDR, IDAT and IEND; decoders
// disagree on which faults in the other chunks spoil the picture.

import { mediaType } from './wholeness.js';

const EXIF = 0x45786966;
const PNG_SIGNATURE_LENGTH = 8;
const IDAT = 0x49444154;
const IEND = 0x49454e44;
const IHDR = 0x49484452;

/**
 * @param {Uint8Array<ArrayBuffer>} file that passed isWhole
 * @returns {Uint8Array<ArrayBuffer>[]} views of it, to be joined
 */
export function essentials(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  switch (mediaType(file)) {
    case 'image/jpeg':
      return Array.from(jpegSpans(view), ([start, end]) => file.subarray(start, end));
    case 'image/png':
      return Array.from(pngSpans(view), ([start, end]) => file.subarray(start, end));
    default:
      return [file];
  }
}

/**
 * What lies between the EXIF segments before the first scan.
 * @param {DataView} view
 * @returns {Generator<[number, number]>}
 */
function* jpegSpans(view) {
  let from = 0;
  for (const [start, end] of jpegExif(view)) {
    yield [from, start];
    from = end;
  }
  yield [from, view.byteLength];
}

/**
 * APP1 segments before the first scan, from the marker's 0xff to their end.
 * @param {DataView} view
 * @returns {Generator<[number, number]>}
 */
function* jpegExif(view) {
  let at = 2;
  while (at + 10 <= view.byteLength) {
    if (view.getUint8(at) !== 0xff) {
      at++;
      continue;
    }
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) {
      at++;
    } else if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8)) {
      at += 2;
    } else if (marker === 0xda || marker === 0xd9) {
      return;
    } else {
      const end = at + 2 + view.getUint16(at + 2);
      if (marker === 0xe1 && view.getUint32(at + 4) === EXIF && end <= view.byteLength) yield [at, end];
      at = end;
    }
  }
}

/**
 * The signature and the chunks that make the picture.
 * @param {DataView} view
 * @returns {Generator<[number, number]>}
 */
function* pngSpans(view) {
  yield [0, PNG_SIGNATURE_LENGTH];
  for (let at = PNG_SIGNATURE_LENGTH; at + 12 <= view.byteLength; ) {
    const end = at + 12 + view.getUint32(at);
    const kind = view.getUint32(at + 4);
    if (kind === IHDR || kind === IDAT || kind === IEND) yield [at, end];
    if (kind === IEND) return;
    at = end;
  }
}
