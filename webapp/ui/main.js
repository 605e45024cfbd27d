// The contributor's page. `?rung=wasm` (or webgpu-f32) leaves out the other rungs, `?pool=NAME` works
// on one pool only, `?until=drained` ends with the pool instead of waiting for more.

import { AboutElement } from './about.js';
import { Controller } from './controller.js';
import { ControlsElement } from './controls.js';
import { say } from './dom.js';
import { FeedElement } from './feed.js';
import { Live } from './live.js';
import { ModelElement } from './model.js';
import { NoticesElement } from './notices.js';
import { NumbersElement } from './numbers.js';
import { PaceElement } from './pace.js';
import { PairElement } from './pair.js';
import { PoolElement } from './pool.js';
import { poolAtWork, safePools } from './pools.js';
import { manifestOf, pools } from './server.js';
import { SpreadElement } from './spread.js';
import { isAlive } from './state.js';
import { TEXT } from './text.js';
import { isTaken } from './turn.js';
import { WhereElement } from './where.js';

/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */
/** @typedef {import('./state.js').Notice} Notice */

const POOL_EVERY_MS = 5000;
const READY_WITHIN_MS = 700;

/** @type {Readonly<Record<string, CustomElementConstructor>>} */
const ELEMENTS = Object.freeze({
  'dva-about': AboutElement,
  'dva-controls': ControlsElement,
  'dva-feed': FeedElement,
  'dva-model': ModelElement,
  'dva-notices': NoticesElement,
  'dva-numbers': NumbersElement,
  'dva-pace': PaceElement,
  'dva-pair': PairElement,
  'dva-pool': PoolElement,
  'dva-spread': SpreadElement,
  'dva-where': WhereElement,
});

/**
 * @template {HTMLElement} E
 * @param {string} selector
 * @param {new () => E} kind
 * @returns {E}
 */
function find(selector, kind) {
  const found = document.querySelector(selector);
  if (!(found instanceof kind)) throw new Error(`The page has no ${selector}.`);
  return found;
}

/** @returns {Notice[]} what this browser lacks */
function lacks() {
  if (!('locks' in navigator) && window.isSecureContext) {
    return [{ code: 'no_worker', message: TEXT.noWorker, nextStep: TEXT.noWorkerNext, retryInS: null }];
  }
  if (window.isSecureContext) return [];
  return [{ code: 'insecure', message: TEXT.insecure, nextStep: TEXT.insecureNext, retryInS: null }];
}

for (const [name, kind] of Object.entries(ELEMENTS)) customElements.define(name, kind);

say(find('[data-text=tagline]', HTMLElement), TEXT.tagline);
say(find('[data-text=headline]', HTMLElement), TEXT.headline);
say(find('[data-text=lead]', HTMLElement), TEXT.lead);
say(find('[data-text=demoShort]', HTMLElement), TEXT.demoShort);
say(find('[data-text=demoMore]', HTMLElement), TEXT.demoMore);

const address = new URLSearchParams(location.search);
const controller = new Controller({
  rung: address.get('rung'),
  pool: address.get('pool'),
  untilDrained: address.get('until') === 'drained',
});
const controls = find('dva-controls', ControlsElement);
const model = find('dva-model', ModelElement);
const notices = find('dva-notices', NoticesElement);
const numbers = find('dva-numbers', NumbersElement);
const pool = find('dva-pool', PoolElement);
const where = find('dva-where', WhereElement);
const about = find('dva-about', AboutElement);
const live = new Live(controller, {
  feed: find('dva-feed', FeedElement),
  numbers,
  pace: find('dva-pace', PaceElement),
  pair: find('dva-pair', PairElement),
  spread: find('dva-spread', SpreadElement),
});
const standing = lacks();

let drawing = false;
/** @type {import('./state.js').Phase} */
let drawn = 'idle';
/** @type {string | null} */
let drawnPool = null;

function draw() {
  drawing = false;
  const { state } = controller;
  where.show(state);
  notices.show(standing.length === 0 ? state.notices : [...standing, ...state.notices]);
  numbers.running = state.phase === 'running';
  if (state.download !== null) model.show(state.download.progress);
  controls.detail = state.phase === 'starting' ? model.loading : '';
  // At the end of a run nobody should have to wait for the pool's last numbers, nor for another pool's.
  const ended = drawn !== state.phase && !isAlive(state.phase);
  if (ended || drawnPool !== state.pool) look();
  drawn = state.phase;
  drawnPool = state.pool;
}

controls.bind(controller);
if (standing.length > 0) controls.disable();
controller.addEventListener('change', () => {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
});
draw();

let bundle = '';

async function look() {
  try {
    const found = await pools();
    live.safe = safePools(found);
    const chosen = poolAtWork(found, address.get('pool'), controller.state.pool);
    pool.show(chosen);
    if (chosen === null || chosen.bundle === bundle) return;
    const manifest = await manifestOf(chosen);
    if (poolAtWork(found, address.get('pool'), controller.state.pool) !== chosen) return;
    bundle = chosen.bundle;
    model.set(manifest, chosen.bundle_url);
    about.set(manifest);
    find('.demo', HTMLElement).hidden = !manifest.demo;
  } catch (error) {
    console.warn(error);
    pool.silent();
  }
}

// With a server that is slow to answer, the page doesn't wait for it.
await Promise.race([look(), new Promise((resolve) => setTimeout(resolve, READY_WITHIN_MS))]);
find('main', HTMLElement).classList.remove('unready');
setInterval(() => {
  if (!document.hidden) look();
}, POOL_EVERY_MS);

if (standing.length === 0 && (await isTaken())) controls.block();
