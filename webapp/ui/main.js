// The contributor's page. `?rung=wasm` keeps to that rung of engine/rungs.js (`?rung=webgpu-f32,wasm` to
// these), `?pool=NAME` to one pool, `?until=drained` ends with the pool instead of waiting for more,
// `?power=full` (or normal, gentle) overrules the setting.

import { watchTraffic } from '../engine/traffic.js';
import { Keyring } from '../identity/keyring.js';
import { AboutElement } from './about.js';
import { Account } from './account.js';
import { Admission } from './admission.js';
import { AgeElement } from './age.js';
import { AskElement } from './ask.js';
import { Conditions } from './conditions.js';
import { ConsentElement } from './consent-dialog.js';
import { Controller } from './controller.js';
import { ControlsElement } from './controls.js';
import { CreditElement } from './credit.js';
import { say } from './dom.js';
import { Earnings } from './earnings.js';
import { wattsOf } from './energy.js';
import { FeedElement } from './feed.js';
import { LANGUAGE } from './language.js';
import { LanguageElement } from './language-select.js';
import { Live } from './live.js';
import { ModelElement } from './model.js';
import { NoticesElement } from './notices.js';
import { NumbersElement } from './numbers.js';
import { PaceElement } from './pace.js';
import { PaidElement } from './paid.js';
import { PairElement } from './pair.js';
import { Payouts } from './payouts.js';
import { PhraseEntryElement } from './phrase-entry.js';
import { PhraseElement } from './phrase-sheet.js';
import { PoolElement } from './pool.js';
import { needsModel, poolAtWork, safePools } from './pools.js';
import { addToTraffic, wasRunning } from './records.js';
import { manifestOf, mirrorOf, status } from './server.js';
import { Session } from './session.js';
import { SettingsElement } from './settings-panel.js';
import { SHARES, SettingsStore, isPower } from './settings.js';
import { SpreadElement } from './spread.js';
import { isAlive } from './state.js';
import { TEXT } from './text.js';
import { isTaken } from './turn.js';
import { WhereElement } from './where.js';
import { YouElement } from './you.js';

/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */
/** @typedef {import('./state.js').Notice} Notice */

/** @type {Notice} */
const OFFLINE = Object.freeze({ code: 'offline', message: '', nextStep: '', where: '', retryAt: null });
const POOL_EVERY_MS = 5000;
const READY_WITHIN_MS = 700;
/** The page before a reload may still hold the turn. */
const TURN_WITHIN_MS = 4000;

/** @type {Readonly<Record<string, CustomElementConstructor>>} */
const ELEMENTS = Object.freeze({
  'dva-about': AboutElement,
  'dva-age': AgeElement,
  'dva-ask': AskElement,
  'dva-consent': ConsentElement,
  'dva-controls': ControlsElement,
  'dva-credit': CreditElement,
  'dva-feed': FeedElement,
  'dva-language': LanguageElement,
  'dva-model': ModelElement,
  'dva-notices': NoticesElement,
  'dva-numbers': NumbersElement,
  'dva-pace': PaceElement,
  'dva-paid': PaidElement,
  'dva-pair': PairElement,
  'dva-phrase': PhraseElement,
  'dva-phrase-entry': PhraseEntryElement,
  'dva-pool': PoolElement,
  'dva-settings': SettingsElement,
  'dva-spread': SpreadElement,
  'dva-where': WhereElement,
  'dva-you': YouElement,
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

document.documentElement.lang = LANGUAGE;
for (const [name, kind] of Object.entries(ELEMENTS)) customElements.define(name, kind);

say(find('[data-text=tagline]', HTMLElement), TEXT.tagline);
say(find('[data-text=headline]', HTMLElement), TEXT.headline);
say(find('[data-text=lead]', HTMLElement), TEXT.lead);
say(find('[data-text=demoShort]', HTMLElement), TEXT.demoShort);
say(find('[data-text=demoMore]', HTMLElement), TEXT.demoMore);

const address = new URLSearchParams(location.search);
const power = address.get('power');
const settings = new SettingsStore();
const chosen = () => (isPower(power) ? { ...settings.value, power } : settings.value);
const keyring = new Keyring();
const session = new Session(keyring);
const controller = new Controller(
  {
    rungs: address.get('rung')?.split(',') ?? null,
    pool: address.get('pool'),
    untilDrained: address.get('until') === 'drained',
  },
  chosen(),
  session,
);
const conditions = new Conditions();
const admission = new Admission({ controller, conditions, dialog: find('dva-consent', ConsentElement) });
const controls = find('dva-controls', ControlsElement);
const model = find('dva-model', ModelElement);
const notices = find('dva-notices', NoticesElement);
const numbers = find('dva-numbers', NumbersElement);
const pool = find('dva-pool', PoolElement);
const where = find('dva-where', WhereElement);
const about = find('dva-about', AboutElement);
const pair = find('dva-pair', PairElement);
pair.session = session;
const live = new Live(controller, settings, {
  age: find('dva-age', AgeElement),
  feed: find('dva-feed', FeedElement),
  numbers,
  pace: find('dva-pace', PaceElement),
  pair,
  spread: find('dva-spread', SpreadElement),
});
const panel = find('dva-settings', SettingsElement);

let drawing = false;
/** @type {import('./state.js').Phase} */
let drawn = 'idle';
/** @type {string | null} */
let drawnPool = null;

function draw() {
  drawing = false;
  const { state } = controller;
  where.show(state);
  const lacks = admission.lacks;
  notices.show([...lacks, ...offline(), ...state.notices]);
  controls.isAble = lacks.length === 0;
  panel.consented = admission.hasConsent;
  numbers.load = loadOf(state);
  if (state.download !== null) model.show(state.download.progress);
  controls.detail = state.phase === 'starting' ? model.loading : '';
  // At the end of a run nobody should have to wait for the pool's last numbers, nor for another pool's.
  const ended = drawn !== state.phase && !isAlive(state.phase);
  if (ended || drawnPool !== state.pool) look();
  drawn = state.phase;
  drawnPool = state.pool;
}

/**
 * @param {import('./state.js').State} state
 * @returns {import('./numbers.js').Load | null}
 */
function loadOf({ phase, where }) {
  if (phase !== 'running') return null;
  return { watts: wattsOf(where?.rung ?? ''), share: SHARES[chosen().power] };
}

/** @returns {Notice[]} */
function offline() {
  if (navigator.onLine || !isAlive(controller.state.phase)) return [];
  return [OFFLINE];
}

controls.bind(controller);
panel.bind(settings, conditions);
panel.consent = { read: () => admission.read(), withdraw: () => admission.withdraw() };
const account = new Account(keyring, session, () => controller.halt());
find('dva-you', YouElement).bind(account, {
  ask: find('dva-ask', AskElement),
  entry: find('dva-phrase-entry', PhraseEntryElement),
  sheet: find('dva-phrase', PhraseElement),
});
settings.addEventListener('change', () => {
  controller.settings = chosen();
});
watchTraffic((bytes) => addToTraffic(bytes, new Date()));
for (const kind of ['online', 'offline']) window.addEventListener(kind, draw);
controller.addEventListener('change', () => {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(draw);
});
draw();

/** The pool that the panels speak of. */
let known = '';
/** Of the server that this page came from. */
let version = '';

/** @param {PoolStatus} pool */
function nameOf({ pool, agent, bundle, licence_accepted, hosts }) {
  return [pool, agent, bundle, licence_accepted, ...hosts].join(' ');
}

async function look() {
  try {
    const { version: newest, pools: found } = await status();
    if (version === '') version = newest;
    else if (newest !== version) controller.renew();
    live.safe = safePools(found);
    const wanted = poolAtWork(found, address.get('pool'), controller.state.pool);
    pool.show(wanted);
    if (wanted === null || nameOf(wanted) === known) return;
    const manifest = wanted.licence_accepted ? await manifestOf(wanted) : null;
    const mirror = manifest !== null && needsModel(wanted) ? await mirrorOf(wanted) : '';
    if (poolAtWork(found, address.get('pool'), controller.state.pool) !== wanted) return;
    known = nameOf(wanted);
    const pictures = wanted.hosts.join(', ');
    admission.subject = { pool: wanted, manifest, mirror, pictures };
    if (!needsModel(wanted)) model.unset();
    else if (manifest === null) model.keepBack();
    else model.set(manifest, wanted.bundle_url);
    where.needs = wanted.needs;
    if (manifest !== null) about.set(manifest, mirror, pictures);
    find('.demo', HTMLElement).hidden = manifest === null || !manifest.demo;
    // What this model lacks here is other than what the last one lacked.
    draw();
  } catch (error) {
    console.warn(error);
    pool.silent();
  }
}

await admission.probe();
draw();
await keyring.load();
const earnings = new Earnings(session);
controller.addEventListener('posted', () => earnings.note());
find('dva-credit', CreditElement).bind(earnings);
find('dva-paid', PaidElement).bind(new Payouts(account, session), find('dva-phrase-entry', PhraseEntryElement));
const looked = look();
controls.mayStart = async () => {
  // What is agreed to must be known first.
  await looked;
  return admission.mayStart();
};
// With a server that is slow to answer, the page doesn't wait for it.
await Promise.race([looked, new Promise((resolve) => setTimeout(resolve, READY_WITHIN_MS))]);
find('main', HTMLElement).classList.remove('unready');
await looked;
setInterval(() => {
  if (!document.hidden) look();
}, POOL_EVERY_MS);

await conditions.watch();
draw();

if (wasRunning() && admission.lacks.length === 0 && admission.hasConsent) {
  await controller.queue(AbortSignal.timeout(TURN_WITHIN_MS));
}
if (admission.lacks.length === 0 && !isAlive(controller.state.phase) && (await isTaken())) controls.block();
