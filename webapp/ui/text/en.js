// Every word that the page says, in English. Other languages have the same entries (see ../text.js).

import { bytes, clock, count, decimal, duration, exponent } from '../format.js';
import { AGENTS } from './en-agents.js';
import { CREDIT } from './en-credit.js';
import { FAILURES } from './en-failures.js';
import { LIVE } from './en-live.js';
import { PAID } from './en-paid.js';
import { YOU } from './en-you.js';

/** @typedef {import('../state.js').Phase} Phase */
/** @typedef {import('../rest.js').Reason} Reason */

/** @type {Readonly<Record<Phase, string>>} */
const PHASE = Object.freeze({
  idle: 'Ready when you are.',
  booting: 'Starting Python in this tab…',
  starting: 'Asking for work and loading the model…',
  testing: 'Checking this device on pairs with known answers…',
  running: 'Scoring pairs on this device.',
  waiting: 'Nothing to do right now. Waiting for work.',
  pausing: 'Pausing after this batch…',
  paused: 'Paused. Nothing is lost; press Resume to go on.',
  resting: 'Resting. It goes on by itself.',
  finishing: 'Finishing what is in flight, then it stops.',
  stopping: 'Giving unfinished work back…',
  stopped: 'Stopped. Unfinished work went back to the server.',
  finished: 'Finished. Everything that was begun has been sent.',
  drained: 'Done: every pair of this pool has a score.',
  failed: 'Stopped by a problem. It says below what to do.',
  taken: 'Another tab took over. Nothing was lost.',
});

/** @type {Readonly<Record<string, string>>} */
const WAITING = Object.freeze({
  drained: 'Every pair of this pool has a score. Waiting in case there is more.',
  all_leased: 'All remaining work is with other devices. Waiting for what comes back.',
  too_many_leases: 'This device holds its share already. Waiting a moment.',
  quota_spent: 'This device has had as much work today as it may. What is found right brings it more.',
  no_pool: 'The server has no pool yet. Waiting for one.',
  no_agent: 'The work on the server is for agents that this page lacks. Waiting for work of another kind.',
  selftest_due: 'The server wants this device to show again that it computes rightly. It does so by itself.',
  audits_pending: 'The server is checking the first results of this device. Waiting a moment.',
  licence_unaccepted: 'Whoever runs this server has to accept the licence of the model first. Waiting for it.',
  pool_paused: 'Whoever runs this server has paused this work. Waiting for it to go on.',
  shard_unavailable: 'The rest of the pool cannot be read on the server just now, or is set aside. Waiting for it.',
  class_quarantined:
    'Devices of this kind came to other results than they should when they were computed again, so they get no work for now. ' +
    'It is not held against you. Update the browser and the graphics driver; whoever runs this server can look again.',
  unreachable: 'The server does not answer. Trying again by itself.',
});

/** @type {Readonly<Record<Reason, string>>} */
const REST = Object.freeze({
  consent: 'Resting until you have read what is new and agreed to it.',
  schedule: 'Resting, as your schedule says.',
  cap: 'Resting: the data for today is used up.',
  battery: 'Resting until this device is plugged in.',
  active: 'Resting while somebody uses this device.',
});

/** @type {Readonly<Record<import('../settings.js').Power, string>>} */
const POWER = Object.freeze({ gentle: 'Gentle', normal: 'Normal', full: 'Full' });

/** @type {readonly string[]} by PairStatus */
const STATUS = Object.freeze([
  'scored',
  'no image',
  'broken image',
  'kind of image not supported',
  'image too large',
  'no caption',
  'empty caption',
  'caption too long',
  'withheld, because somebody reported it',
]);

/** @type {Readonly<Record<string, string>>} */
const RUNG = Object.freeze({
  'webgpu-f16-fused': 'WebGPU, 16-bit floats, fused',
  'webgpu-f16': 'WebGPU, 16-bit floats',
  'webgpu-f32-fused': 'WebGPU, 32-bit floats, fused',
  'webgpu-f32': 'WebGPU, 32-bit floats',
  wasm: 'WebAssembly on the processor',
  python: 'Python alone, without a model',
});

export const EN = Object.freeze({
  ...AGENTS,
  ...CREDIT,
  ...LIVE,
  ...PAID,
  ...YOU,
  language: 'English',
  product: 'DVA',
  tagline: 'Data Validation Agent',
  headline: 'Your graphics card, reading captions.',
  lead:
    'Pairs of pictures and captions scraped from the web are mostly noise. This tab takes some, measures ' +
    'how well each caption fits its picture, and sends the scores back, so that better data can be ' +
    'picked to train on. Nothing is installed, and it stops when you close the tab.',
  start: 'Start',
  startAgain: 'Start again',
  tryAgain: 'Try again',
  pause: 'Pause',
  resume: 'Resume',
  stop: 'Stop',
  controls: 'Controls',
  finish: 'Finish',
  finishHint: 'Completes and sends what has been begun, then stops',
  unable: 'It cannot start here; why is said below.',
  phase: (/** @type {Phase} */ phase) => PHASE[phase],
  waiting: (/** @type {string} */ reason) => WAITING[reason] ?? PHASE.waiting,
  askAgain: (/** @type {number} */ seconds) => `Asks again in ${duration(seconds)}.`,
  resting: (/** @type {Reason} */ reason) => REST[reason],
  restUntil: (/** @type {Date} */ until) => `Goes on by itself at ${clock(until)}.`,
  restByItself: 'Goes on by itself then.',
  restConsent: 'Read it',
  renewing: 'There is a newer version of this page. It loads when what is in flight is finished, and goes on by itself.',

  settings: 'Settings',
  settingsNote: 'Kept in this browser. They take effect at once.',
  settingsNow: (/** @type {import('../settings.js').Settings} */ { power, schedule, capMB, whenIdle }) =>
    [
      `${POWER[power]} power`,
      schedule.on ? `${schedule.from} to ${schedule.to}` : '',
      capMB > 0 ? `${bytes(capMB * 1e6)} a day` : '',
      whenIdle ? 'only while idle' : '',
    ].filter(Boolean).join(' · '),
  power: 'Power',
  powerChoice: POWER,
  powerHint: Object.freeze({
    gentle: 'Computes a quarter of the time: quiet, and hardly felt.',
    normal: 'Computes 60% of the time: room for everything else.',
    full: 'Computes all the time: as fast as this device can, fans included.',
  }),
  when: 'When it may work',
  whenIdle: 'Only while nobody uses this device',
  whenIdleHint: 'After a minute without mouse and keyboard, in any program.',
  whenIdleUnable: 'This browser does not tell a page whether the device is in use, so this cannot be had here.',
  whenIdleRefused: 'This browser has not allowed the page to know whether the device is in use. Allow it beside the address, then tick again.',
  restOnBattery: 'Rest on battery',
  restOnBatteryUnable: 'This browser does not tell a page about the battery, so this cannot be had here.',
  schedule: 'Only at these hours',
  scheduleFrom: 'from',
  scheduleTo: 'to',
  scheduleHint: 'By this device’s clock. It may go past midnight.',
  cap: 'Data a day, at most',
  capNone: 'no limit',
  capUsed: (/** @type {number} */ today) => `${bytes(today)} transferred today.`,
  pictures: 'Pictures',
  showPictures: 'Show pictures of pools that nobody has checked',
  showPicturesHint: 'They come from the web as it is, violence and nudity included. Tick it only if you are 18 or older.',
  withdraw: 'Withdraw my consent',
  readConsent: 'What I agreed to',
  chooseLanguage: 'Language',

  consentTitle: 'Before the first start',
  consentAgain: 'This has changed since you agreed',
  consentLead: 'What your device would do, and what it costs you:',
  consentRuns: 'What runs',
  consentRunsText: (/** @type {string} */ model, /** @type {string} */ size) =>
    `The model “${model}” (${size}), on your graphics card if the browser allows it, else on the processor. Nothing is installed, ` +
    'and all of it ends with this tab.',
  consentRunsAlone: (/** @type {string} */ agent) =>
    `The agent “${agent}”, on the processor; it needs no model. Nothing is installed, and all of it ends with this tab.`,
  consentNoModel: 'This server has no model yet. You will be asked again when it has.',
  consentData: 'Data',
  consentDataText: (
    /** @type {string | null} */ model, /** @type {string} */ program, /** @type {string | null} */ pair,
  ) =>
    `Once ${model === null ? '' : `${model} for the model and `}about ${program} for the program; ` +
    (pair === null ? 'then the pictures.' : `then about ${pair} a pair, picture and caption.`) +
    ' You can set a limit a day.',
  consentMirror: (/** @type {string} */ host) =>
    `The model comes from ${host}, which sees the address of your network; every byte of it is checked.`,
  consentBucket: (/** @type {string} */ hosts) =>
    `The pictures and captions come from ${hosts}, which sees the address of your network.`,
  consentPower: 'Power',
  consentPowerText:
    'A graphics card or processor that works draws as much as in a game. It begins at 60% of the time; you can choose a quarter ' +
    'or all of it, only certain hours, only while nobody uses the device. On battery it rests.',
  consentKept: 'What is kept about you',
  consentKeptServer:
    'On the server: a number for this browser and one for its account, the public keys of both, the name of your graphics card or ' +
    'the number of threads, the kind of browser and how self-tests came out, the version of the agent, when you first came and were ' +
    'last here, and which units you scored and when, ' +
    'signed by this browser. Against abuse, the network you come from (not the whole address) for about an hour, and for a week after ' +
    'you were last here a code that is made of it with a secret. No e-mail, no ' +
    'cookie, a name only if you choose one. You can delete the account at any time; the scores stay.',
  consentKeptHere:
    'In this browser: its keys, the model, your settings, your totals, this consent. It goes when you clear the data of this site. ' +
    'Pictures are not kept.',
  consentLicences: 'Licences',
  consentModelLicence: 'Model:',
  consentPoolLicence: 'Pool:',
  licenceText: 'Read its text',
  licenceLoading: 'Fetching it…',
  licenceSilent: 'It cannot be fetched just now. Close and open this again.',
  consentPictures: 'Pictures',
  consentPicturesText:
    'This pool comes from the web as it is, and nobody has checked its pictures. They are blurred until you ask to see them, which is for adults.',
  agree: 'I agree and start',
  notNow: 'Not now',
  close: 'Close',

  numbers: 'Numbers',
  rate: 'pairs a second',
  measuring: 'measuring',
  noRate: '–',
  today: 'pairs today',
  ever: 'pairs ever, in this browser',
  counted: 'This browser counts a pair when the server has its score. What comes of it is below, under Credit, as the server counts it.',

  pool: 'The pool',
  noPool: 'This server has no pool yet.',
  poolDone: (/** @type {number} */ done, /** @type {number} */ all) => `${count(done)} of ${count(all)} pairs scored`,
  poolBy: (/** @type {string} */ licence, /** @type {string} */ attribution) =>
    [attribution, licence].filter(Boolean).join(' · '),
  serverSilent: 'The server does not answer.',

  model: 'The model',
  modelSize: (/** @type {string} */ name, /** @type {string} */ size) => `${name}, ${size}`,
  modelWaits: (/** @type {string} */ size) => `${size} to download at the first start, then kept`,
  modelLoading: (
    /** @type {number} */ done, /** @type {number} */ total,
    /** @type {number | null} */ rate, /** @type {number | null} */ left,
  ) =>
    [
      `${bytes(done)} of ${bytes(total)}`,
      rate === null ? '' : `${bytes(rate)}/s`,
      left === null ? '' : `${duration(left)} left`,
    ].filter(Boolean).join(' · '),
  modelHere: (/** @type {number} */ total) => `${bytes(total)} downloaded, checked and kept`,
  modelKept: (/** @type {number} */ total) => `${bytes(total)} kept from an earlier visit, checked`,
  modelProgress: 'Download of the model',
  modelLicence: 'Licence',
  modelKeptBack: 'Not handed out yet',
  modelKeptBackText: 'Whoever runs this server has not accepted its licence.',

  where: 'What runs where',
  whereDevice: 'Device',
  whereRung: 'Arithmetic',
  whereTest: 'Self-test',
  whereText: 'Captions',
  whereImages: 'Pictures',
  whereTextValue: 'cleaned and cut into tokens by Python in this tab',
  whereImagesValue: 'decoded by the browser, resized as Pillow does, byte for byte',
  notYet: 'known after Start',
  rung: (/** @type {string} */ rung) => RUNG[rung] ?? rung,
  testing: 'running',
  tested: (/** @type {number} */ pairs, /** @type {number} */ difference, /** @type {number} */ allowed) =>
    `passed: ${pairs} known pairs, largest difference ${exponent(difference)} (${exponent(allowed)} allowed)`,

  feed: 'Live',
  feedEmpty: 'Pairs appear here as they are scored.',
  feedHidden: 'Pictures that come from the web are blurred.',
  feedShow: 'Show pictures',
  feedHide: 'Blur pictures',
  noCaption: 'no caption',
  noPicture: 'no picture',
  picture: (/** @type {string} */ caption) => `Picture captioned: ${caption}`,
  score: (/** @type {number} */ score) => decimal(score, 3),
  status: (/** @type {number} */ status) => STATUS[status] ?? `status ${status}`,

  otherTitle: 'Another tab of this browser is at work.',
  otherText: 'One agent a browser is enough: two would share the same graphics card and be slower together.',
  otherTake: 'Take over here',
  otherWait: 'Wait until it ends',
  otherWaiting: 'Waiting for the other tab to end. This one starts by itself then.',
  otherCancel: 'Stop waiting',

  problems: 'Problems',
  retrying: (/** @type {number} */ seconds) => `Trying again in ${duration(seconds)}.`,
  rungsSkipped: (/** @type {readonly string[]} */ rungs) =>
    `Not used: ${rungs.map((rung) => RUNG[rung] ?? rung).join('; ')}.`,
  failure: (/** @type {string} */ code) => (Object.hasOwn(FAILURES, code) ? FAILURES[code] : null),
  tooSmall: (/** @type {number} */ needed, /** @type {number} */ budget) =>
    `Not on this device: this model needs about ${bytes(needed)} of memory, and a tab here may have about ${bytes(budget)}.`,
  tooSmallNext: 'Open this page on a computer. Begun here, the browser would close the tab without a word.',

  demoShort: 'An emoji demo: this model knows emoji, not photographs.',
  demoMore: 'How to go on to a real one',
  scale: 'Scores go from −1 (does not fit) to 1 (fits); the middle of a bar is 0.',
  demoTitle: 'This is an emoji demo.',
  demoText:
    'The model on this page is a small network trained on emoji artwork. It knows a snail from a rocket, and nothing of ' +
    'photographs, so its scores mean something for this demo pool only.',
  demoNext: 'To filter real data, export a real Data Filtering Network and ingest a real pool:',
  demoCommands: [
    'make setup-dev',
    '.venv/bin/python export/build_onnx.py --model ViT-B-16-quickgelu:dfn2b --accept-license --out bundles/dfn2b-q8',
    '.venv/bin/dva ingest mypool /path/to/shards --bundle bundles/dfn2b-q8 --data real',
    '.venv/bin/dva serve --data real --port 8001',
  ],
  realTitle: (/** @type {string} */ name) => `The model: ${name}`,

  stored: (/** @type {string} */ mirror, /** @type {string} */ pictures) =>
    'What is kept: the model, your totals and the keys of this browser. What is sent: scores, signed, and the name of ' +
    `your graphics card. No e-mail, no password, no cookies, no other site is contacted` +
    [mirror && `${mirror}, for the model`, pictures && `${pictures}, for the pictures`]
      .filter((site) => site !== '')
      .map((site, i) => `${i === 0 ? ' but' : ', and'} ${site}`)
      .join('') +
    '.',
  serverStatus: 'How far the pools are, and who helps',
  selfTests: 'How graphics cards and browsers pass their self-tests',
  licences: 'Licences of what runs here',

  /** For the tests: a translation has each entry of each. */
  tables: Object.freeze({ PHASE, WAITING, REST, STATUS, RUNG, FAILURES }),
});
