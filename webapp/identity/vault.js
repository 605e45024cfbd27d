// One identity in IndexedDB, which keeps keys that can't be exported. Every function rejects where the
// browser refuses storage, as some private windows do.

const DATABASE = 'dva';
const STORE = 'identity';
const KEY = 'mine';

/** @returns {Promise<unknown>} as it was found: to be checked; undefined if there is none */
export function readVault() {
  return transact('readonly', (store) => store.get(KEY));
}

/** @param {import('./identity.js').Identity} identity */
export async function writeVault(identity) {
  await transact('readwrite', (store) => store.put(identity, KEY));
}

export async function clearVault() {
  await transact('readwrite', (store) => store.delete(KEY));
}

/**
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest} ask
 * @returns {Promise<unknown>} the request's result, once it is on its way to the disk
 */
async function transact(mode, ask) {
  const database = await open();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode);
      const request = ask(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error);
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<IDBDatabase>} */
function open() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
