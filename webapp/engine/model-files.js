// The towers of a bundle: from storage, else from the server, resumed where an earlier download
// ended, and checked by sha256 every time.

import { TabError } from './errors.js';
import { stream } from './http.js';
import { keep } from './storage.js';

/** @typedef {{path: string, bytes: number, sha256: string}} FileEntry of the bundle's manifest */

/**
 * `bytes` of `total` are here, of which `kept` came from storage.
 * @typedef {{bytes: number, total: number, kept: number}} Progress
 */

const ATTEMPTS_WITHOUT_PROGRESS = 4;
const FIRST_PAUSE_MS = 1000;

/**
 * @param {FileEntry[]} entries
 * @param {string} bundleUrl ends with a slash
 * @param {(progress: Progress) => void} report called often
 * @param {import('./storage.js').Unkept} [unkept] told if files can't be kept
 * @returns {Promise<Map<string, Uint8Array<ArrayBuffer>>>} by path
 */
export async function loadFiles(entries, bundleUrl, report, unkept = () => {}) {
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const files = new Map();
  let before = 0;
  let kept = 0;
  for (const entry of entries) {
    let keptOfThis = 0;
    const content = await loadFile(entry, bundleUrl + entry.path, (bytes, fromStorage) => {
      keptOfThis = fromStorage;
      report({ bytes: before + bytes, total, kept: kept + fromStorage });
    }, unkept);
    files.set(entry.path, content);
    before += entry.bytes;
    kept += keptOfThis;
  }
  return files;
}

/**
 * @param {FileEntry} entry
 * @param {string} url
 * @param {(bytes: number, kept: number) => void} report
 * @param {import('./storage.js').Unkept} unkept
 */
async function loadFile(entry, url, report, unkept) {
  const content = new Uint8Array(entry.bytes);
  const storage = await keep(entry.sha256, unkept);
  try {
    const kept = storage.read(content);
    report(kept, kept);
    if (kept === entry.bytes && (await sha256(content)) === entry.sha256) return content;
    // A whole file with wrong bytes is of no use; half of one is worth going on with, and if it turns
    // out wrong, the whole is fetched once more.
    const from = kept === entry.bytes ? 0 : kept;
    await download(url, content, from, storage, (bytes) => report(bytes, from));
    if ((await sha256(content)) === entry.sha256) return content;
    if (from > 0) {
      await download(url, content, 0, storage, (bytes) => report(bytes, 0));
      if ((await sha256(content)) === entry.sha256) return content;
    }
    storage.forget();
    throw new TabError('bundle_invalid', `${entry.path} of the model is not what its manifest says.`, {
      nextStep: 'Reload the page; if it stays, tell whoever runs this server.',
    });
  } finally {
    storage.close();
  }
}

/**
 * Fills `content` from `from` on, going on where a broken connection left off.
 * @param {string} url
 * @param {Uint8Array<ArrayBuffer>} content
 * @param {number} from
 * @param {import('./storage.js').Kept} storage
 * @param {(bytes: number) => void} report
 */
async function download(url, content, from, storage, report) {
  let at = from;
  for (let failures = 0; at < content.length; ) {
    const start = at;
    try {
      await stream(url, { start, size: content.length - start, whole: start === 0 }, (chunk) => {
        content.set(chunk, at);
        storage.write(chunk, at);
        at += chunk.length;
        report(at);
      });
    } catch (error) {
      failures = at > start ? 1 : failures + 1;
      const again = error instanceof TabError && error.code === 'unreachable';
      if (!again || failures === ATTEMPTS_WITHOUT_PROGRESS) throw error;
      await new Promise((resolve) => setTimeout(resolve, FIRST_PAUSE_MS * 2 ** (failures - 1)));
    }
  }
}

/**
 * @param {Uint8Array<ArrayBuffer>} content
 * @returns {Promise<string>} hex
 */
export async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
