// A gate that work passes between its steps: open, or closed while the agent is paused. The twin of
// webapp/dva_agent/gate.py, for what only JavaScript can halt.

export class Gate {
  #closing = new AbortController();
  /** Settled while the gate is open. @type {PromiseWithResolvers<void>} */
  #opened = Promise.withResolvers();

  constructor() {
    this.#opened.resolve();
  }

  /** @returns {AbortSignal} aborted as the gate closes; another one each time it opens */
  get closing() {
    return this.#closing.signal;
  }

  /** Whoever comes to it now waits. */
  close() {
    if (this.#closing.signal.aborted) return;
    this.#opened = Promise.withResolvers();
    this.#closing.abort();
  }

  /** Lets everybody through. */
  open() {
    if (!this.#closing.signal.aborted) return;
    this.#closing = new AbortController();
    this.#opened.resolve();
  }

  /** Resolves when the gate is open. */
  async passed() {
    while (this.#closing.signal.aborted) await this.#opened.promise;
  }
}
