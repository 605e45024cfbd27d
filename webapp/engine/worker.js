// The agent's Worker: Pyodide with the agent, the engine beside it. It lives from Start to the end
// of the run; the page makes a new one for the next.

import { codeOf, messageOf } from './errors.js';
import { Gate } from './gate.js';
import { Host } from './host.js';
import { bootPython } from './python.js';
import { Signer } from './signer.js';
import { watchTraffic } from './traffic.js';

/** @typedef {import('./wire.js').ToWorker} ToWorker */
/** @typedef {import('./wire.js').FromWorker} FromWorker */
/** @typedef {import('./wire.js').Config} Config */

/**
 * The Python agent, through Pyodide.
 * @typedef {object} Agent
 * @property {() => void} pause
 * @property {() => void} resume
 * @property {(share: number) => void} pace
 * @property {(finish: boolean) => void} stop
 * @property {() => Promise<string>} wait
 * @property {() => void} destroy
 */

const scope = /** @type {DedicatedWorkerGlobalScope} */ (/** @type {unknown} */ (self));

/** Closed while the agent is paused: what Python waits for then isn't begun, or halts. */
const gate = new Gate();
/** @type {Agent | null} */
let agent = null;
/** What was asked for before the agent could hear it, in order. @type {ToWorker[]} */
const early = [];

/**
 * @param {FromWorker} message
 * @param {Transferable[]} [transfer]
 */
function tell(message, transfer) {
  scope.postMessage(message, transfer);
}

/**
 * @param {Config} config
 * @param {import('../identity/identity.js').Signing} signing
 */
async function run(config, signing) {
  const began = performance.now();
  tell({ kind: 'booting' });
  watchTraffic((bytes) => tell({ kind: 'transferred', bytes }));
  const python = await bootPython();
  const host = new Host(tell, { allowSoftware: config.allowSoftware, gate, identity: new Signer(signing) });
  agent = python.pyimport('dva_agent.browser').start(host, JSON.stringify(config));
  tell({ kind: 'booted', seconds: (performance.now() - began) / 1000 });
  for (const message of early.splice(0)) obey(message);
  const reason = await /** @type {Agent} */ (agent).wait();
  tell({ kind: 'ended', reason });
}

/** @param {ToWorker} message */
function obey(message) {
  if (message.kind === 'start') {
    run(message.config, message.signing).catch((error) => {
      tell({ kind: 'failed', code: codeOf(error), message: messageOf(error) });
    });
  } else if (agent === null) {
    early.push(message);
  } else if (message.kind === 'pause') {
    agent.pause();
  } else if (message.kind === 'resume') {
    agent.resume();
  } else if (message.kind === 'pace') {
    agent.pace(message.share);
  } else {
    agent.stop(message.finish);
  }
}

/** @param {ToWorker} message */
function halt(message) {
  if (message.kind === 'pause') gate.close();
  else if (message.kind === 'resume' || (message.kind === 'stop' && message.finish)) gate.open();
}

scope.onmessage = (/** @type {MessageEvent<ToWorker>} */ { data }) => {
  halt(data);
  obey(data);
};
