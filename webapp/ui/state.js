// What the page knows, and how each message of the Worker changes it. Pure: (state, message) -> state.

/** @typedef {import('../engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('../engine/wire.js').AgentEvent} AgentEvent */
/** @typedef {import('../engine/wire.js').Problem} Problem */

/**
 * @typedef {'idle' | 'booting' | 'starting' | 'testing' | 'running' | 'waiting' | 'pausing' | 'paused'
 *   | 'stopping' | 'stopped' | 'drained' | 'failed' | 'taken'} Phase
 */

/** @typedef {{code: string, message: string, nextStep: string, retryInS: number | null}} Notice */

/**
 * @typedef {object} State
 * @property {Phase} phase
 * @property {string} waitingFor reason, while the phase is waiting
 * @property {import('../engine/wire.js').FromWorker & {kind: 'download'} | null} download
 * @property {{rung: string, deviceClass: string} | null} where
 * @property {{pairs: number, difference: number, allowed: number} | null} tested
 * @property {string | null} pool of the unit begun last
 * @property {string[]} held leases
 * @property {readonly Notice[]} notices the newest last
 */

const MAX_NOTICES = 4;

/** @type {Readonly<State>} */
export const AT_REST = Object.freeze({
  phase: 'idle',
  waitingFor: '',
  download: null,
  where: null,
  tested: null,
  pool: null,
  held: [],
  notices: Object.freeze([]),
});

/**
 * Phases in which a Worker is alive.
 * @param {Phase} phase
 */
export function isAlive(phase) {
  return !['idle', 'stopped', 'drained', 'failed', 'taken'].includes(phase);
}

/**
 * @param {State} state
 * @param {FromWorker} message
 * @returns {State}
 */
export function reduce(state, message) {
  switch (message.kind) {
    case 'booting':
      return { ...state, phase: 'booting' };
    case 'download':
      return { ...state, download: message };
    case 'event':
      return reduceEvent(state, message.event);
    case 'failed':
      return withNotice({ ...state, phase: 'failed', held: [] }, {
        code: 'engine_failed', message: message.message, nextStep: '', retryInS: null,
      });
    case 'ended':
      return { ...state, phase: endOf(state.phase, message.reason), held: [] };
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @param {AgentEvent} event
 * @returns {State}
 */
function reduceEvent(state, event) {
  switch (event.kind) {
    case 'state':
      return reduceRun(state, event.state);
    case 'waiting':
      return { ...state, waitingFor: event.reason };
    case 'held':
      return { ...state, held: event.leases };
    case 'rung':
      if (event.chosen) return { ...state, where: event };
      return withNotice(state, { ...event, code: `${event.code}:${event.rung}`, retryInS: null });
    case 'self_test':
      return {
        ...state,
        where: event,
        tested: { pairs: event.pairs, difference: event.scoreDifference, allowed: event.scoreTolerance },
      };
    case 'unit_started':
      return { ...state, pool: event.pool };
    case 'unit_finished':
      // What went wrong before is over: the server has taken work since.
      return { ...state, notices: state.notices.filter(({ code }) => code.includes(':')) };
    case 'problem':
      return withNotice(state, { ...event, retryInS: event.retryInS ?? null });
    case 'fatal':
      return withNotice({ ...state, phase: 'failed' }, { ...event, retryInS: null });
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @param {import('../engine/wire.js').RunState} run
 * @returns {State}
 */
function reduceRun(state, run) {
  if (state.phase === 'taken') return state;
  // "pausing" is the page's own: from the press of the button to the agent's word.
  if (state.phase === 'pausing' && run !== 'paused' && run !== 'stopping') return state;
  return { ...state, phase: run, tested: run === 'testing' ? null : state.tested };
}

/**
 * @param {Phase} phase
 * @param {string} reason
 * @returns {Phase}
 */
function endOf(phase, reason) {
  if (phase === 'taken' || phase === 'failed') return phase;
  if (reason === 'failed') return 'failed';
  return reason === 'stopped' ? 'stopped' : 'drained';
}

/**
 * @param {State} state
 * @param {Notice} notice an older one with its code is replaced
 * @returns {State}
 */
export function withNotice(state, { code, message, nextStep, retryInS }) {
  const others = state.notices.filter((known) => known.code !== code);
  const notices = [...others, { code, message, nextStep, retryInS }].slice(-MAX_NOTICES);
  return { ...state, notices };
}
