// open_clip's image_transform in numbers: torchvision's Resize and CenterCrop, computed as
// Python computes them. The twin of `geometry` in webapp/dva_agent/images.py.

/**
 * Resize to width x height, then cut size x size out at (left, top).
 * @typedef {{width: number, height: number, left: number, top: number, size: number}} Geometry
 */

/**
 * @typedef {{size: number, resize: 'shortest' | 'squash'}} Preprocessing of the bundle's manifest
 */

/**
 * Python's round(): halves go to the even neighbour.
 * @param {number} value
 */
function roundHalfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/**
 * @param {number} width of the decoded picture, at least 1
 * @param {number} height of the decoded picture, at least 1
 * @param {Preprocessing} spec
 * @returns {Geometry}
 */
export function geometry(width, height, { size, resize }) {
  if (resize === 'squash') return { width: size, height: size, left: 0, top: 0, size };
  const newWidth = width <= height ? size : Math.trunc((size * width) / height);
  const newHeight = width <= height ? Math.trunc((size * height) / width) : size;
  return {
    width: newWidth,
    height: newHeight,
    left: roundHalfEven((newWidth - size) / 2),
    top: roundHalfEven((newHeight - size) / 2),
    size,
  };
}
