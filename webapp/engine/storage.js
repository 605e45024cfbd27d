// Where model files stay between visits: the origin's private file system (OPFS), one file named by
// its sha256. A file that is shorter than it should be is a download to go on with. What no model
// needs any more goes by itself: after a month without use, or when there is no room for another.
// Where the browser gives no storage, or no room, files live in memory for this visit.

import { messageOf } from './errors.js';

const FOLDER = 'models';
const FULL = 'QuotaExceededError';
/** Somebody has the file open. */
const LOCKED = 'NoModificationAllowedError';
/** A tab whose work was taken over gives its own back first, and is ended after this at the latest. */
const LOCKED_FOR_MS = 15_000;
const LOOK_EVERY_MS = 250;
const UNUSED_FOR_MS = 30 * 24 * 60 * 60 * 1000;

/** @typedef {(code: 'storage_full' | 'storage_refused', message: string) => void} Unkept */

/**
 * @typedef {object} Terms of keeping a file
 * @property {Unkept} unkept told if it can't be kept
 * @property {ReadonlySet<string>} spare names of files that don't make room for it
 */

/**
 * One file being written. Every method may find the storage gone; then nothing is kept, and nothing
 * else changes.
 */
export class Kept {
  /** @type {FileSystemSyncAccessHandle | null} */
  #handle;
  #terms;

  /**
   * @param {FileSystemSyncAccessHandle | null} handle
   * @param {Terms} terms
   */
  constructor(handle, terms) {
    this.#handle = handle;
    this.#terms = terms;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} target filled from its start with what is kept
   * @returns {number} how many bytes that is; 0 if more is kept than there should be
   */
  read(target) {
    return this.#attempt((handle) => {
      if (handle.getSize() > target.length) handle.truncate(0);
      return handle.read(target, { at: 0 });
    }, 0);
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} chunk
   * @param {number} at
   */
  async write(chunk, at) {
    const put = (/** @type {FileSystemSyncAccessHandle} */ handle) => {
      if (handle.write(chunk, { at }) < chunk.length) throw new DOMException('', FULL);
    };
    try {
      if (this.#handle !== null) put(this.#handle);
    } catch (error) {
      if (nameOf(error) === FULL) await makeRoom(this.#terms.spare);
      this.#attempt(put, undefined);
    }
  }

  /**
   * Its time of change becomes that of its last use.
   * @param {Uint8Array<ArrayBuffer>} content of the whole file
   */
  use(content) {
    const at = Math.max(0, content.length - 1);
    try {
      this.#handle?.write(content.subarray(at), { at });
    } catch (error) {
      // It is kept all the same, only for less long.
      console.warn('When a model file was used last is not known:', error);
    }
  }

  forget() {
    this.#attempt((handle) => handle.truncate(0), undefined);
  }

  close() {
    this.#attempt((handle) => {
      handle.flush();
      handle.close();
    }, undefined);
    this.#handle = null;
  }

  /**
   * @template T
   * @param {(handle: FileSystemSyncAccessHandle) => T} action
   * @param {T} otherwise
   * @returns {T}
   */
  #attempt(action, otherwise) {
    if (this.#handle === null) return otherwise;
    try {
      return action(this.#handle);
    } catch (error) {
      this.#terms.unkept(...complaint(error));
      const handle = this.#handle;
      this.#handle = null;
      handle.close();
      return otherwise;
    }
  }
}

/**
 * @param {string} sha256 of the whole file, hex
 * @param {Terms} terms
 * @returns {Promise<Kept>}
 */
export async function keep(sha256, terms) {
  for (const until = performance.now() + LOCKED_FOR_MS; ; ) {
    try {
      const folder = await models();
      const file = await folder.getFileHandle(sha256, { create: true });
      return new Kept(await file.createSyncAccessHandle(), terms);
    } catch (error) {
      if (nameOf(error) !== LOCKED) terms.unkept(...complaint(error));
      else if (performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
        continue;
      }
      return new Kept(null, terms);
    }
  }
}

/**
 * Removes what wasn't used for long.
 * @param {ReadonlySet<string>} spare names of files in use
 */
export async function tidy(spare) {
  const before = Date.now() - UNUSED_FOR_MS;
  await remove(async (name, file) => !spare.has(name) && (await file.getFile()).lastModified < before);
}

/** @param {ReadonlySet<string>} spare */
async function makeRoom(spare) {
  await remove(async (name) => !spare.has(name));
}

/**
 * Files that somebody has open stay. So do all where storage fails: nothing depends on their going.
 * @param {(name: string, file: FileSystemFileHandle) => Promise<boolean>} isDue
 */
async function remove(isDue) {
  try {
    const folder = await models();
    const files = [];
    for await (const [name, entry] of folder.entries()) {
      if (entry.kind === 'file') files.push({ name, file: /** @type {FileSystemFileHandle} */ (entry) });
    }
    for (const { name, file } of files) {
      try {
        if (await isDue(name, file)) await folder.removeEntry(name);
      } catch (error) {
        if (nameOf(error) !== LOCKED) throw error;
      }
    }
  } catch (error) {
    console.warn('Old model files stay:', error);
  }
}

async function models() {
  const root = await navigator.storage.getDirectory();
  return root.getDirectoryHandle(FOLDER, { create: true });
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof Error || error instanceof DOMException ? error.name : '';
}

/**
 * @param {unknown} error
 * @returns {Parameters<Unkept>}
 */
function complaint(error) {
  return [nameOf(error) === FULL ? 'storage_full' : 'storage_refused', messageOf(error)];
}
