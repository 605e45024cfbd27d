// What the page knows, and how each message of the Worker changes it. Pure: (state, message) -> state.

/** @typedef {import('../engine/wire.js').FromWorker} FromWorker */
/** @typedef {import('../engine/wire.js').AgentEvent} AgentEvent */
/** @typedef {import('../engine/wire.js').RunState} RunState */

/**
 * @typedef {'idle' | 'booting' | 'starting' | 'testing' | 'running' | 'waiting' | 'pausing' | 'paused'
 *   | 'resting' | 'finishing' | 'stopping' | 'stopped' | 'finished' | 'drained' | 'failed' | 'taken'} Phase
 */

/** @typedef {'run' | 'pause' | 'finish' | 'stop'} Wish what the person asked for last */
/** @typedef {import('./rest.js').Decision & {run: false}} Rest */

/**
 * `retryAt`: milliseconds as Date.now() counts; null: it is not tried again by itself. `where`: the
 * rung, the unit, or empty.
 * @typedef {{code: string, message: string, nextStep: string, where: string, retryAt: number | null}} Notice
 */

/**
 * @typedef {object} State
 * @property {Phase} phase
 * @property {Wish} wish
 * @property {Rest | null} rest why the agent may not work just now
 * @property {string} waitingFor reason, while the phase is waiting
 * @property {number} waitingUntil milliseconds as Date.now() counts
 * @property {FromWorker & {kind: 'download'} | null} download
 * @property {{rung: string, deviceClass: string} | null} where
 * @property {{pairs: number, difference: number, allowed: number} | null} tested
 * @property {string | null} pool of the unit begun last
 * @property {string[]} held leases
 * @property {readonly Notice[]} notices the newest last
 */

const MAX_NOTICES = 8;
const MS_PER_S = 1000;
/** True of the whole visit: work that goes on doesn't undo them. */
const LASTING = Object.freeze(['storage_full', 'storage_refused']);

/** @type {Readonly<State>} */
export const AT_REST = Object.freeze({
  phase: 'idle',
  wish: 'run',
  rest: null,
  waitingFor: '',
  waitingUntil: 0,
  download: null,
  where: null,
  tested: null,
  pool: null,
  held: [],
  notices: Object.freeze([]),
});

/**
 * Phases of a run: from Start to its end, at work or not.
 * @param {Phase} phase
 */
export function isAlive(phase) {
  return !['idle', 'stopped', 'finished', 'drained', 'failed', 'taken'].includes(phase);
}

/**
 * @param {State} state
 * @param {FromWorker} message
 * @param {number} [now] milliseconds
 * @returns {State}
 */
export function reduce(state, message, now = Date.now()) {
  switch (message.kind) {
    case 'booting':
      return reduceRun(state, 'booting');
    case 'download':
      return { ...state, download: message };
    case 'event':
      return reduceEvent(state, message.event, now);
    case 'failed':
      return withNotice(
        { ...state, phase: 'failed', held: [] },
        { code: message.code, message: message.message, nextStep: '', where: '', retryAt: null },
      );
    case 'ended':
      return { ...calmed(state), phase: endOf(state, message.reason), held: [] };
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @param {AgentEvent} event
 * @param {number} now milliseconds
 * @returns {State}
 */
function reduceEvent(state, event, now) {
  const after = (/** @type {number | null | undefined} */ seconds) =>
    typeof seconds === 'number' ? now + seconds * MS_PER_S : null;
  switch (event.kind) {
    case 'state':
      return reduceRun(state, event.state);
    case 'waiting':
      return { ...state, waitingFor: event.reason, waitingUntil: now + event.seconds * MS_PER_S };
    case 'held':
      return { ...state, held: event.leases };
    case 'rung':
      if (event.chosen) return { ...state, where: event };
      return withNotice(state, { ...event, where: event.rung, retryAt: null });
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
      return { ...state, notices: state.notices.filter(isLasting) };
    case 'problem':
      return withNotice(state, { ...event, retryAt: after(event.retryInS) });
    case 'recovered':
      return calmed(state);
    case 'fatal':
      return withNotice({ ...state, phase: 'failed' }, { ...event, where: '', retryAt: null });
    default:
      return state;
  }
}

/**
 * @param {State} state
 * @returns {State} without what was to be tried again
 */
export function calmed(state) {
  return { ...state, notices: state.notices.filter(({ retryAt }) => retryAt === null) };
}

/**
 * A rung that isn't used stays explained as long as the run does.
 * @param {Notice} notice
 */
function isLasting({ code, where }) {
  return LASTING.includes(code) || isRung(where);
}

/**
 * Rungs that aren't used for one cause are one thing to read, told in the words of the last of them.
 * @param {readonly Notice[]} notices
 * @returns {{notice: Notice, rungs: string[]}[]} `rungs`: those that aren't used, the best first
 */
export function byCause(notices) {
  /** @type {{notice: Notice, rungs: string[]}[]} */
  const causes = [];
  for (const notice of notices) {
    if (!isRung(notice.where)) {
      causes.push({ notice, rungs: [] });
      continue;
    }
    const same = causes.find(({ notice: { code }, rungs }) => code === notice.code && rungs.length > 0);
    if (same === undefined) causes.push({ notice, rungs: [notice.where] });
    else Object.assign(same, { notice, rungs: [...same.rungs, notice.where] });
  }
  return causes;
}

/** @param {string} where */
function isRung(where) {
  return where === 'wasm' || where === 'python' || where.startsWith('webgpu-');
}

/**
 * What the agent says it does, as the page puts it: the person's wish and a rest come before.
 * @param {State} state
 * @param {RunState | 'booting'} run
 * @returns {State}
 */
function reduceRun(state, run) {
  const { phase, wish, rest } = state;
  const tested = run === 'testing' ? null : state.tested;
  if (phase === 'taken' || phase === 'failed') return state;
  if (wish === 'stop') return { ...state, phase: 'stopping' };
  if (wish === 'finish') return { ...state, phase: 'finishing', tested };
  if (run === 'stopping' || run === 'stopped' || run === 'drained') return { ...state, phase: run };
  if (wish === 'pause') return { ...state, phase: run === 'paused' ? 'paused' : phase, tested };
  if (rest !== null) return { ...state, phase: 'resting', tested };
  // Paused by a rest that has been lifted meanwhile: its next word comes at once.
  if (run === 'paused') return state;
  return { ...state, phase: run, tested };
}

/**
 * @param {State} state
 * @param {string} reason
 * @returns {Phase}
 */
function endOf({ phase, wish }, reason) {
  if (phase === 'taken' || phase === 'failed') return phase;
  if (reason === 'failed') return 'failed';
  if (reason === 'stopped') return wish === 'finish' ? 'finished' : 'stopped';
  return 'drained';
}

/**
 * @param {State} state
 * @param {Wish} wish
 * @param {Rest | null} rest
 * @param {{hasWorker: boolean}} about the run
 * @returns {State} with what the page says between the press of a button and the agent's word
 */
export function wishing(state, wish, rest, { hasWorker }) {
  const next = { ...state, wish, rest };
  const wasHalted = state.wish === 'pause' || state.rest !== null;
  if (!isAlive(state.phase)) return next;
  switch (wish) {
    case 'stop':
      return { ...next, phase: 'stopping' };
    case 'finish':
      return { ...next, phase: 'finishing' };
    case 'pause':
      if (state.wish === 'pause') return next;
      return { ...next, phase: wasHalted || !hasWorker ? 'paused' : 'pausing' };
    default:
      if (rest !== null) return { ...next, phase: 'resting' };
      return wasHalted ? { ...next, phase: hasWorker ? 'starting' : 'booting' } : next;
  }
}

/**
 * @param {State} state
 * @param {Notice} notice an older one of its code and place is replaced
 * @returns {State}
 */
export function withNotice(state, { code, message, nextStep, where, retryAt }) {
  const others = state.notices.filter((known) => known.code !== code || known.where !== where);
  const notices = [...others, { code, message, nextStep, where, retryAt }].slice(-MAX_NOTICES);
  return { ...state, notices };
}
