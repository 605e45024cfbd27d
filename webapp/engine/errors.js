// Every error that the JavaScript half of the engine throws. The codes, and what the Python half
// makes of them, are those of webapp/dva_agent/errors.py:
//
// TabError
// ├── bundle_invalid      a model file whose sha256 is not the manifest's
// ├── engine_failed       the arithmetic can't be had
// ├── rung_unavailable    this device can't run this rung; the next one may
// ├── device_lost         the GPU went away; a new engine may be opened
// ├── numeric_fault       embeddings that are not finite or not of unit norm: never scores
// ├── unreachable         no answer: offline, or the server is down
// ├── busy                429 or 503; `retryAfterS` seconds
// └── refused             another 4xx, or not the bytes that were asked for; `status`
//
// A `reason` says more closely why, and takes the code's place in what the page is told.

/**
 * @typedef {'bundle_invalid' | 'engine_failed' | 'rung_unavailable' | 'device_lost'
 *   | 'numeric_fault' | 'unreachable' | 'busy' | 'refused'} Code
 */

/**
 * @typedef {'insecure' | 'no_webgpu' | 'no_adapter' | 'software_adapter' | 'no_f16' | 'out_of_memory'} Reason
 */

const OUT_OF_MEMORY =
  /out of memory|allocation failed|could not allocate|failed to allocate|bad_alloc|invalid (array buffer|typed array) length/i;

export class TabError extends Error {
  /**
   * @param {Code} code stable, for programs
   * @param {string} message a sentence for a person
   * @param {{nextStep?: string, reason?: Reason, retryAfterS?: number, status?: number, cause?: unknown}} [more]
   */
  constructor(code, message, { nextStep = '', reason, retryAfterS, status, cause } = {}) {
    super(message, { cause });
    this.name = 'TabError';
    this.code = code;
    this.nextStep = nextStep;
    this.reason = reason;
    this.retryAfterS = retryAfterS;
    this.status = status;
  }
}

/**
 * What any thrown thing says.
 * @param {unknown} thrown
 * @returns {string}
 */
export function messageOf(thrown) {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/**
 * Browsers and onnxruntime have no error of their own for it, only words.
 * @param {unknown} thrown
 */
export function isOutOfMemory(thrown) {
  return OUT_OF_MEMORY.test(messageOf(thrown));
}

/**
 * @param {unknown} thrown that ended the agent
 * @returns {string} a code for the page
 */
export function codeOf(thrown) {
  if (isOutOfMemory(thrown)) return 'out_of_memory';
  return thrown instanceof TabError ? (thrown.reason ?? thrown.code) : 'boot_failed';
}
