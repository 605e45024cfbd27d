// The towers of a bundle: from storage, else from a mirror or the server, resumed where an earlier
// download ended, and checked by sha256 every time.

import { TabError } from './errors.js';
import { Gate } from './gate.js';
import { stream } from './http.js';
import { Sources } from './sources.js';
import { keep, tidy } from './storage.js';

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
 * @param {object} [options]
 * @param {import('./storage.js').Unkept} [options.unkept] told if files can't be kept
 * @param {FileEntry[]} [options.spare] files that don't make room for these: all of the model's
 * @param {Gate} [options.gate] while it is closed, nothing is downloaded
 * @returns {Promise<Map<string, Uint8Array<ArrayBuffer>>>} by path
 */
export async function loadFiles(entries, bundleUrl, report, options = {}) {
  const { unkept = () => {}, spare = entries, gate = new Gate() } = options;
  const terms = { unkept, spare: namesOf(spare) };
  const total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  const sources = new Sources(bundleUrl);
  const files = new Map();
  let before = 0;
  let kept = 0;
  for (const entry of entries) {
    let keptOfThis = 0;
    const tell = (/** @type {number} */ bytes, /** @type {number} */ fromStorage) => {
      keptOfThis = fromStorage;
      report({ bytes: before + bytes, total, kept: kept + fromStorage });
    };
    const content = await loadFile(entry, sources, { report: tell, terms, gate });
    files.set(entry.path, content);
    before += entry.bytes;
    kept += keptOfThis;
  }
  await tidy(namesOf(entries));
  return files;
}

/**
 * @param {FileEntry[]} entries
 * @returns {Set<string>} as storage knows them
 */
function namesOf(entries) {
  return new Set(entries.map(({ sha256 }) => sha256));
}

/**
 * @param {FileEntry} entry
 * @param {Sources} sources
 * @param {{report: (bytes: number, kept: number) => void, terms: import('./storage.js').Terms, gate: Gate}} how
 */
async function loadFile(entry, sources, { report, terms, gate }) {
  const content = new Uint8Array(entry.bytes);
  const storage = await keep(entry.sha256, terms);
  try {
    let kept = storage.read(content);
    report(kept, kept);
    if (kept === entry.bytes && (await sha256(content)) === entry.sha256) {
      storage.use(content);
      return content;
    }
    // A whole file with wrong bytes is of no use; half of one is worth going on with.
    if (kept === entry.bytes) kept = 0;
    for (const place = { at: kept }; ; ) {
      const from = place.at;
      const source = await sources.best();
      const isMirror = sources.isMirror(source);
      try {
        const attempts = isMirror ? 1 : ATTEMPTS_WITHOUT_PROGRESS;
        const tell = () => report(place.at, kept);
        await download(source + entry.path, content, place, { storage, attempts, report: tell, gate });
      } catch (error) {
        if (!isMirror) throw error;
        sources.drop(source);
        continue;
      }
      if ((await sha256(content)) === entry.sha256) return content;
      // What was there before may be the wrong half: then the whole comes once more.
      if (from === 0 && !isMirror) break;
      if (from === 0) sources.drop(source);
      kept = place.at = 0;
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
 * Fills `content` from `place.at` on, which moves with it, going on where a broken connection left off.
 * @param {string} url
 * @param {Uint8Array<ArrayBuffer>} content
 * @param {{at: number}} place
 * @param {{storage: import('./storage.js').Kept, attempts: number, report: () => void, gate: Gate}} how
 *   `attempts`: without anything coming in between
 */
async function download(url, content, place, { storage, attempts, report, gate }) {
  for (let failures = 0; place.at < content.length; ) {
    await gate.passed();
    const { closing } = gate;
    const start = place.at;
    const part = { start, size: content.length - start, whole: start === 0 };
    const take = async (/** @type {Uint8Array<ArrayBuffer>} */ chunk) => {
      content.set(chunk, place.at);
      await storage.write(chunk, place.at);
      place.at += chunk.length;
      report();
    };
    try {
      await stream(url, part, take, closing);
    } catch (error) {
      if (closing.aborted) continue;
      failures = place.at > start ? 1 : failures + 1;
      const again = error instanceof TabError && error.code === 'unreachable';
      if (!again || failures >= attempts) throw error;
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
