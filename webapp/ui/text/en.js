// Every word that the page says, in English. Other languages have the same entries (see ../text.js).

import { bytes, count, decimal, duration, exponent } from '../format.js';
import { LIVE } from './en-live.js';

/** @typedef {import('../state.js').Phase} Phase */

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
  stopping: 'Giving unfinished work back…',
  stopped: 'Stopped. Unfinished work went back to the server.',
  drained: 'Done: every pair of this pool has a score.',
  failed: 'Stopped by a problem. It says below what to do.',
  taken: 'Another tab took over. Nothing was lost.',
});

/** @type {Readonly<Record<string, string>>} */
const WAITING = Object.freeze({
  drained: 'Every pair of this pool has a score. Waiting in case there is more.',
  all_leased: 'All remaining work is with other devices. Waiting for what comes back.',
  too_many_leases: 'This device holds its share already. Waiting a moment.',
  no_pool: 'The server has no pool yet. Waiting for one.',
  shard_unavailable: 'The rest of the pool cannot be read on the server just now. Waiting for it.',
  unreachable: 'The server does not answer. Trying again by itself.',
});

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
  'webgpu-f32': 'WebGPU, 32-bit floats',
  'webgpu-f16': 'WebGPU, 16-bit floats',
  wasm: 'WebAssembly on the processor',
});

export const EN = Object.freeze({
  ...LIVE,
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
  phase: (/** @type {Phase} */ phase) => PHASE[phase],
  waiting: (/** @type {string} */ reason) => WAITING[reason] ?? PHASE.waiting,

  numbers: 'Numbers',
  rate: 'pairs a second',
  measuring: 'measuring',
  noRate: '–',
  today: 'pairs today',
  ever: 'pairs ever, in this browser',
  counted: 'A pair counts when the server has its score.',

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
  rungSkipped: (/** @type {string} */ rung, /** @type {string} */ why) => `${RUNG[rung] ?? rung} is not used: ${why}`,
  insecure: 'This page came from another machine without TLS. Browsers give such a page no graphics card, no storage and no ' +
    'threads, so it cannot start.',
  insecureNext: 'Open it by https, or on the machine that serves it.',
  workerDied: 'The agent stopped without a word.',
  workerDiedNext: 'Press Start again; if it stays, reload the page.',
  noWorker: 'This browser lacks something the agent needs: module workers, web locks or WebAssembly.',
  noWorkerNext: 'Use a current Chrome, Edge, Firefox or Safari.',

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
    '.venv/bin/python export/build_onnx.py --model ViT-B-16-quickgelu:dfn2b --weights q8 --out bundles/dfn2b-q8',
    '.venv/bin/dva ingest mypool /path/to/shards --bundle bundles/dfn2b-q8 --data real',
    '.venv/bin/dva serve --data real --port 8001',
  ],
  realTitle: (/** @type {string} */ name) => `The model: ${name}`,

  stored: 'What is kept: the model, your totals and a random token for this browser. What is sent: scores, and the name of ' +
    'your graphics card. No account, no cookies, no other site is contacted.',
  licences: 'Licences of what runs here',
});
