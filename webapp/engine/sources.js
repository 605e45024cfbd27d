// Where a bundle's files can be had: what the server names, mirrors before itself. A mirror that
// failed once isn't asked again by this object; the server is what is left in the end.

const ANSWER_WITHIN_MS = 10_000;
const MOST = 8;

/**
 * @param {unknown} told the server's answer
 * @param {string} bundleUrl absolute, ends with a slash
 * @returns {string[]} absolute addresses, each with a slash at its end; the last is `bundleUrl`
 */
export function readSources(told, bundleUrl) {
  const { sources } = /** @type {{sources?: unknown}} */ (told ?? {});
  const mirrors = Array.isArray(sources) ? sources.slice(0, MOST).flatMap((source) => address(source, bundleUrl)) : [];
  return [...new Set([...mirrors.filter((url) => url !== bundleUrl), bundleUrl])];
}

/**
 * @param {unknown} source
 * @param {string} base
 * @returns {string[]} one, or none
 */
function address(source, base) {
  if (typeof source !== 'string' || !source.endsWith('/') || !URL.canParse(source, base)) return [];
  const { href, protocol } = new URL(source, base);
  return protocol === 'https:' || protocol === 'http:' ? [href] : [];
}

export class Sources {
  #bundleUrl;
  /** @type {Promise<string[]> | null} */
  #asked = null;
  /** @type {Set<string>} */
  #failed = new Set();

  /** @param {string} bundleUrl absolute, ends with a slash */
  constructor(bundleUrl) {
    this.#bundleUrl = bundleUrl;
  }

  /** @returns {Promise<string>} the best that hasn't failed */
  async best() {
    this.#asked ??= ask(this.#bundleUrl);
    const sources = await this.#asked;
    return sources.find((source) => !this.#failed.has(source)) ?? this.#bundleUrl;
  }

  /** @param {string} source */
  isMirror(source) {
    return source !== this.#bundleUrl;
  }

  /** @param {string} mirror that failed, or gave other bytes */
  drop(mirror) {
    this.#failed.add(mirror);
  }
}

/**
 * @param {string} bundleUrl
 * @returns {Promise<string[]>} only the server itself if it says nothing of use: what is wrong with it will
 *   show when it is asked for a file
 */
async function ask(bundleUrl) {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS);
    const response = await fetch(bundleUrl.slice(0, -1), { cache: 'no-store', credentials: 'omit', signal });
    return readSources(response.ok ? await response.json() : null, bundleUrl);
  } catch {
    return [bundleUrl];
  }
}
