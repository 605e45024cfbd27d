// Where model files stay between visits: the origin's private file system (OPFS), one file named by
// its sha256. A file that is shorter than it should be is a download to go on with. Where the
// browser gives no storage, or no room, files live in memory for this visit.

import { messageOf } from './errors.js';

const FOLDER = 'models';
const FULL = 'QuotaExceededError';

/** @typedef {(code: 'storage_full' | 'storage_refused', message: string) => void} Unkept */

/**
 * One file being written. Every method may find the storage gone; then nothing is kept, and nothing
 * else changes.
 */
export class Kept {
  /** @type {FileSystemSyncAccessHandle | null} */
  #handle;

  #unkept;

  /**
   * @param {FileSystemSyncAccessHandle | null} handle
   * @param {Unkept} unkept
   */
  constructor(handle, unkept) {
    this.#handle = handle;
    this.#unkept = unkept;
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
  write(chunk, at) {
    this.#attempt((handle) => {
      if (handle.write(chunk, { at }) < chunk.length) throw new DOMException('', FULL);
    }, undefined);
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
      this.#unkept(...complaint(error));
      const handle = this.#handle;
      this.#handle = null;
      handle.close();
      return otherwise;
    }
  }
}

/**
 * @param {string} sha256 of the whole file, hex
 * @param {Unkept} unkept
 * @returns {Promise<Kept>}
 */
export async function keep(sha256, unkept) {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle(FOLDER, { create: true });
    const file = await folder.getFileHandle(sha256, { create: true });
    return new Kept(await file.createSyncAccessHandle(), unkept);
  } catch (error) {
    unkept(...complaint(error));
    return new Kept(null, unkept);
  }
}

/**
 * @param {unknown} error
 * @returns {Parameters<Unkept>}
 */
function complaint(error) {
  const name = error instanceof Error || error instanceof DOMException ? error.name : '';
  return [name === FULL ? 'storage_full' : 'storage_refused', messageOf(error)];
}
