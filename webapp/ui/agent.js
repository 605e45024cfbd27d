// The agent of one run in its Worker, as the page sees it: told what to do, heard out, ended.

/** @typedef {import('../engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('../engine/wire.js').ToWorker} ToWorker */
/** @typedef {Extract<ToWorker, {kind: 'start'}>['config']} Config */

/** @typedef {import('../identity/identity.js').Signing} Signing */

/**
 * @typedef {object} Listener
 * @property {(message: FromWorker) => void} hear
 * @property {(detail: string) => void} died
 */

export class AgentWorker {
  #worker = new Worker(new URL('../engine/worker.js', import.meta.url), { type: 'module' });
  /** Whether it was told to pause. */
  #halted = false;
  #ended = false;

  /**
   * @param {Promise<Signing>} identity
   * @param {Config} config
   * @param {Listener} listener hears nothing more of a Worker that was ended
   */
  constructor(identity, config, { hear, died }) {
    this.#worker.onmessage = ({ data }) => {
      if (!this.#ended) hear(data);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      if (!this.#ended) died(event.message);
    };
    identity.then(
      // What is told before keeps until the agent can hear it.
      (signing) => this.#send({ kind: 'start', config, signing }),
      (error) => {
        if (!this.#ended) died(String(error));
      },
    );
  }

  get isEnded() {
    return this.#ended;
  }

  halt() {
    if (!this.#halted) this.#send({ kind: 'pause' });
    this.#halted = true;
  }

  go() {
    if (this.#halted) this.#send({ kind: 'resume' });
    this.#halted = false;
  }

  /** @param {number} share of the time to compute, in (0, 1] */
  pace(share) {
    this.#send({ kind: 'pace', share });
  }

  /** @param {{finish: boolean}} how completing what is in flight, or giving it back */
  stop({ finish }) {
    this.#send({ kind: 'stop', finish });
  }

  /** At once, whatever it is at. */
  end() {
    this.#ended = true;
    this.#worker.terminate();
  }

  /** @param {ToWorker} message */
  #send(message) {
    this.#worker.postMessage(message);
  }
}
