// Takes the EXIF out of a file before a browser decodes it: browsers turn pictures as EXIF says, even
// with imageOrientation 'none', Pillow and thus the model's training never did. (WebP: Chromium
// doesn't look at its EXIF; the pixel tests would tell.)

import { mediaType } from './wholeness.js';

const EXIF = 0x45786966;
const PNG_EXIF = 0x65584966;
const PNG_END = 0x49454e44;

/**
 * @param {Uint8Array<ArrayBuffer>} file a whole JPEG, PNG or WebP
 * @returns {Uint8Array<ArrayBuffer>[]} its parts but those with EXIF, to be joined
 */
export function withoutExif(file) {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const type = mediaType(file);
  const spans =
    type === 'image/jpeg' ? [...jpegExif(view)] : type === 'image/png' ? [...pngExif(view)] : [];
  const parts = [];
  let from = 0;
  for (const [start, end] of spans) {
    parts.push(file.subarray(from, start));
    from = end;
  }
  parts.push(file.subarray(from));
  return parts;
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
 * @param {DataView} view
 * @returns {Generator<[number, number]>}
 */
function* pngExif(view) {
  let at = 8;
  while (at + 12 <= view.byteLength) {
    const kind = view.getUint32(at + 4);
    const end = at + 12 + view.getUint32(at);
    if (kind === PNG_END || end > view.byteLength) return;
    if (kind === PNG_EXIF) yield [at, end];
    at = end;
  }
}
