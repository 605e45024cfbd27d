// What the server answered in the place of what was asked for. Its codes: docs/protocol.md.

/** No answer at all. */
export const UNREACHABLE = 'unreachable';

export class Refusal extends Error {
  /**
   * @param {string} code
   * @param {number} status of HTTP; 0: there was no answer
   * @param {Record<string, unknown>} problem as it came
   */
  constructor(code, status, problem = {}) {
    super(typeof problem.detail === 'string' ? problem.detail : `HTTP ${status}`);
    this.code = code;
    this.status = status;
    this.problem = problem;
  }
}

/**
 * @param {number} status
 * @param {unknown} body problem+json, or what something in between said
 * @returns {Refusal}
 */
export function refusalOf(status, body) {
  const problem = body !== null && typeof body === 'object' ? /** @type {Record<string, unknown>} */ (body) : {};
  return new Refusal(typeof problem.code === 'string' ? problem.code : 'server_error', status, problem);
}
