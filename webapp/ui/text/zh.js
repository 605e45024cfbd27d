// What ./en.js says, in Chinese (simplified).

import { bytes, clock, count, decimal, duration, exponent } from '../format.js';
import { AGENTS } from './zh-agents.js';
import { CREDIT } from './zh-credit.js';
import { FAILURES } from './zh-failures.js';
import { LIVE } from './zh-live.js';
import { PAID } from './zh-paid.js';
import { YOU } from './zh-you.js';

/** @type {typeof import('./en.js').EN.tables.PHASE} */
const PHASE = Object.freeze({
  idle: '准备好了，随时可以开始。',
  booting: '正在本标签页中启动 Python…',
  starting: '正在领取任务、加载模型…',
  testing: '正在用已知答案的样本检测本设备…',
  running: '正在本设备上评分。',
  waiting: '暂时没有任务，正在等待。',
  pausing: '这一批做完就暂停…',
  paused: '已暂停，什么都不会丢失；按“继续”接着做。',
  resting: '正在休息，之后会自动继续。',
  finishing: '正在完成手头的任务，然后停止。',
  stopping: '正在退还未完成的任务…',
  stopped: '已停止。未完成的任务已退还服务器。',
  finished: '已完成。开始过的任务都已提交。',
  drained: '完成：这批数据的每一对都有了分数。',
  failed: '遇到问题，已停止。下面写着该怎么办。',
  taken: '另一个标签页已接手，什么都没有丢失。',
});

/** @type {Readonly<Record<string, string>>} */
const WAITING = Object.freeze({
  drained: '这批数据的每一对都有了分数。等待新的任务。',
  all_leased: '剩下的任务都在其他设备上。等待退还的任务。',
  too_many_leases: '本设备领取的任务已经够多。稍等片刻。',
  quota_spent: '本设备今天领取的任务已达上限。结果经核实无误后，上限会提高。',
  no_pool: '服务器上还没有数据。等待中。',
  no_agent: '服务器上的任务需要本页面没有的程序。正在等待其他任务。',
  selftest_due: '服务器要求本设备再次证明计算无误。会自动进行。',
  audits_pending: '服务器正在核对本设备最先提交的结果。稍等片刻。',
  licence_unaccepted: '服务器的管理者要先接受模型的许可。等待中。',
  pool_paused: '服务器的管理者暂停了这项工作。等待恢复。',
  shard_unavailable: '其余的数据在服务器上暂时读不了，或已被暂停。等待中。',
  class_quarantined: '这一类设备算出的结果与重新计算的不符，因此暂时得不到工作。这不算您的过错。请更新浏览器和显卡驱动；服务器的管理者可以复查。',
  unreachable: '服务器没有回应。会自动重试。',
});

/** @type {typeof import('./en.js').EN.tables.REST} */
const REST = Object.freeze({
  consent: '内容有变化，等您读过并同意后再继续。',
  schedule: '按照您设定的时间，正在休息。',
  cap: '今天的流量已用完，正在休息。',
  battery: '正在使用电池，接上电源后再继续。',
  active: '有人正在使用本设备，所以先休息。',
});

/** @type {typeof import('./en.js').EN.powerChoice} */
const POWER = Object.freeze({ gentle: '轻柔', normal: '正常', full: '全力' });

/** @type {readonly string[]} */
const STATUS = Object.freeze([
  '已评分',
  '没有图片',
  '图片损坏',
  '不支持的图片类型',
  '图片太大',
  '没有说明文字',
  '说明文字为空',
  '说明文字太长',
  '有人举报，已扣下',
]);

/** @type {Readonly<Record<string, string>>} */
const RUNG = Object.freeze({
  'webgpu-f16-fused': 'WebGPU，16 位浮点，融合算子',
  'webgpu-f16': 'WebGPU，16 位浮点',
  'webgpu-f32-fused': 'WebGPU，32 位浮点，融合算子',
  'webgpu-f32': 'WebGPU，32 位浮点',
  wasm: '处理器上的 WebAssembly',
  python: '只用 Python，不用模型',
});

/** @type {import('../text.js').Text} */
export const ZH = Object.freeze({
  ...AGENTS,
  ...CREDIT,
  ...LIVE,
  ...PAID,
  ...YOU,
  language: '中文',
  product: 'DVA',
  tagline: '数据验证程序',
  headline: '让您的显卡读懂图片说明。',
  lead:
    '从网上抓取的图片和说明文字大多对不上。这个标签页领取其中一些，衡量每条说明与图片有多相符，再把分数发回去，' +
    '好让人们挑出更好的数据来训练。什么都不用安装，关闭标签页就停止。',
  start: '开始',
  startAgain: '重新开始',
  tryAgain: '再试一次',
  pause: '暂停',
  resume: '继续',
  stop: '停止',
  controls: '控制',
  finish: '做完再停',
  finishHint: '完成并提交已经开始的任务，然后停止',
  unable: '这里无法开始，原因见下文。',
  phase: (phase) => PHASE[phase],
  waiting: (reason) => WAITING[reason] ?? PHASE.waiting,
  askAgain: (seconds) => `${duration(seconds)}后再询问。`,
  resting: (reason) => REST[reason],
  restUntil: (until) => `${clock(until)} 自动继续。`,
  restByItself: '之后会自动继续。',
  restConsent: '去阅读',
  renewing: '本页面有了新版本。手头的任务完成后会自动加载，并继续工作。',

  settings: '设置',
  settingsNote: '保存在本浏览器中，立即生效。',
  settingsNow: ({ power, schedule, capMB, whenIdle }) =>
    [
      `功率：${POWER[power]}`,
      schedule.on ? `${schedule.from} 至 ${schedule.to}` : '',
      capMB > 0 ? `每天 ${bytes(capMB * 1e6)}` : '',
      whenIdle ? '仅在空闲时' : '',
    ].filter(Boolean).join(' · '),
  power: '功率',
  powerChoice: POWER,
  powerHint: Object.freeze({
    gentle: '四分之一的时间在计算：安静，几乎感觉不到。',
    normal: '60% 的时间在计算：不影响做别的事。',
    full: '一直在计算：设备有多快就多快，风扇也会转起来。',
  }),
  when: '什么时候可以工作',
  whenIdle: '只在没有人使用本设备时',
  whenIdleHint: '所有程序都没有鼠标和键盘操作一分钟之后。',
  whenIdleUnable: '这个浏览器不告诉页面设备是否有人使用，所以此项不可用。',
  whenIdleRefused: '浏览器没有允许页面知道设备是否有人使用。请在地址栏旁允许，再勾选一次。',
  restOnBattery: '使用电池时休息',
  restOnBatteryUnable: '这个浏览器不告诉页面电池的情况，所以此项不可用。',
  schedule: '只在这些时间',
  scheduleFrom: '从',
  scheduleTo: '到',
  scheduleHint: '以本设备的时钟为准，可以跨过午夜。',
  cap: '每天最多流量',
  capNone: '不限',
  capUsed: (today) => `今天已传输 ${bytes(today)}。`,
  pictures: '图片',
  showPictures: '显示未经检查的图片',
  showPicturesHint: '这些图片来自网络，未经挑选，可能含有暴力和裸露。年满 18 岁才可勾选。',
  withdraw: '撤回我的同意',
  readConsent: '我同意过的内容',
  chooseLanguage: '语言',

  consentTitle: '第一次开始之前',
  consentAgain: '您同意之后，内容有了变化',
  consentLead: '您的设备会做什么，您要付出什么：',
  consentRuns: '运行什么',
  consentRunsText: (model, size) =>
    `模型“${model}”（${size}）。浏览器允许时在显卡上运行，否则在处理器上运行。什么都不会安装，关闭标签页就全部结束。`,
  consentRunsAlone: (agent) => `程序“${agent}”，在处理器上运行，不需要模型。什么都不会安装，关闭标签页就全部结束。`,
  consentNoModel: '服务器上还没有模型。有了之后会再次征求您的同意。',
  consentData: '流量',
  consentDataText: (model, program, pair) =>
    `一次性下载${model === null ? '' : `模型 ${model}、`}程序约 ${program}；` +
    (pair === null ? '之后是图片。' : `之后每对图文约 ${pair}。`) +
    '您可以设定每天的上限。',
  consentMirror: (host) => `模型从 ${host} 下载，该网站会看到您的网络地址；收到的每个字节都会核对。`,
  consentBucket: (hosts) => `图片和文字说明从 ${hosts} 下载，该网站会看到您的网络地址。`,
  consentPower: '耗电',
  consentPowerText:
    '显卡或处理器工作时，耗电与玩游戏相当。开始时 60% 的时间在计算；您可以改为四分之一或全部，也可以只在某些时间、' +
    '只在没有人使用设备时工作。使用电池时会休息。',
  consentKept: '保存您的哪些信息',
  consentKeptServer:
    '在服务器上：代表本浏览器和其账户的编号、两者的公钥、显卡名称或线程数、浏览器种类和自检结果、程序版本、您第一次和最近一次来的时间、' +
    '您评过哪些任务以及时间，由本浏览器签名。为防滥用，还会保存您所在的网段（不是完整地址）大约一小时，以及由它和一个秘密算出的代码，保存到您最近一次来之后一周。没有电子邮件或 Cookie，' +
    '名字只在您自己取了时才有。您可以随时删除账户；分数会保留。',
  consentKeptHere: '在本浏览器中：它的密钥、模型、您的设置、累计数、这次同意。清除本网站的数据就会消失。图片不会保存。',
  consentLicences: '许可',
  consentModelLicence: '模型：',
  consentPoolLicence: '数据：',
  licenceText: '阅读全文',
  licenceLoading: '正在读取…',
  licenceSilent: '暂时读不到。请关闭后再打开。',
  consentPictures: '图片',
  consentPicturesText: '这批数据直接来自网络，图片未经检查。在您要求显示之前会模糊处理；只有成年人可以要求显示。',
  agree: '同意并开始',
  notNow: '以后再说',
  close: '关闭',

  numbers: '数字',
  rate: '每秒对数',
  measuring: '测量中',
  noRate: '–',
  today: '今天的对数',
  ever: '本浏览器累计对数',
  counted: '服务器收到分数后，本浏览器才计数。最终结果见下方“贡献值”，由服务器统计。',

  pool: '数据',
  noPool: '服务器上还没有数据。',
  poolDone: (done, all) => `${count(all)} 对中已评分 ${count(done)} 对`,
  poolBy: (licence, attribution) => [attribution, licence].filter(Boolean).join(' · '),
  serverSilent: '服务器没有回应。',

  model: '模型',
  modelSize: (name, size) => `${name}，${size}`,
  modelWaits: (size) => `第一次开始时下载 ${size}，之后保留`,
  modelLoading: (done, total, rate, left) =>
    [
      `${bytes(done)}，共 ${bytes(total)}`,
      rate === null ? '' : `每秒 ${bytes(rate)}`,
      left === null ? '' : `还需${duration(left)}`,
    ].filter(Boolean).join(' · '),
  modelHere: (total) => `${bytes(total)} 已下载、核对并保留`,
  modelKept: (total) => `${bytes(total)} 上次访问时保留，已核对`,
  modelProgress: '模型下载进度',
  modelLicence: '许可',
  modelKeptBack: '暂不提供',
  modelKeptBackText: '服务器的管理者还没有接受它的许可。',

  where: '什么在哪里运行',
  whereDevice: '设备',
  whereRung: '计算方式',
  whereTest: '自检',
  whereText: '说明文字',
  whereImages: '图片',
  whereTextValue: '由本标签页中的 Python 清理并切分成词元',
  whereImagesValue: '由浏览器解码，缩放结果与 Pillow 逐字节相同',
  notYet: '开始后可知',
  rung: (rung) => RUNG[rung] ?? rung,
  testing: '进行中',
  tested: (pairs, difference, allowed) =>
    `通过：${pairs} 对已知样本，最大误差 ${exponent(difference)}（允许 ${exponent(allowed)}）`,

  feed: '实时',
  feedEmpty: '评分后的图文会显示在这里。',
  feedHidden: '来自网络的图片已模糊处理。',
  feedShow: '显示图片',
  feedHide: '模糊图片',
  noCaption: '没有说明文字',
  noPicture: '没有图片',
  picture: (caption) => `图片，说明文字：${caption}`,
  score: (score) => decimal(score, 3),
  status: (status) => STATUS[status] ?? `状态 ${status}`,

  otherTitle: '本浏览器的另一个标签页正在工作。',
  otherText: '一个浏览器运行一个就够了：两个会争用同一块显卡，反而更慢。',
  otherTake: '由这里接手',
  otherWait: '等它结束',
  otherWaiting: '正在等待另一个标签页结束，之后这里会自动开始。',
  otherCancel: '不再等待',

  problems: '问题',
  retrying: (seconds) => `${duration(seconds)}后重试。`,
  rungsSkipped: (rungs) => `不使用：${rungs.map((rung) => RUNG[rung] ?? rung).join('；')}。`,
  failure: (code) => (Object.hasOwn(FAILURES, code) ? FAILURES[code] : null),
  tooSmall: (needed, budget) =>
    `本设备不适合：这个模型大约需要 ${bytes(needed)} 内存，而这里的一个标签页大约只能用 ${bytes(budget)}。`,
  tooSmallNext: '请在电脑上打开本页面。如果在这里开始，浏览器会不声不响地关闭标签页。',

  demoShort: '这是表情符号演示：模型认识表情符号，不认识照片。',
  demoMore: '如何换成真正的模型',
  scale: '分数从 −1（不相符）到 1（相符）；横条的中间是 0。',
  demoTitle: '这是一个表情符号演示。',
  demoText: '本页面的模型是用表情符号训练的小网络。它分得清蜗牛和火箭，却完全不懂照片，所以它的分数只对这批演示数据有意义。',
  demoNext: '要过滤真实的数据，请导出真正的数据过滤网络（Data Filtering Network），并导入真实的数据：',
  demoCommands: [
    'make setup-dev',
    '.venv/bin/python export/build_onnx.py --model ViT-B-16-quickgelu:dfn2b --accept-license --out bundles/dfn2b-q8',
    '.venv/bin/dva ingest mypool /path/to/shards --bundle bundles/dfn2b-q8 --data real',
    '.venv/bin/dva serve --data real --port 8001',
  ],
  realTitle: (name) => `模型：${name}`,

  stored: (mirror, pictures) =>
    '保存的内容：模型、您的累计数和本浏览器的密钥。发送的内容：签过名的分数和显卡名称。不需要邮箱和密码，没有 Cookie，' +
    [mirror && `从 ${mirror} 下载模型`, pictures && `从 ${pictures} 下载图片`]
      .filter((site) => site !== '')
      .map((site, i) => `${i === 0 ? '除了' : '、'}${site}`)
      .join('') +
    `${mirror === '' && pictures === '' ? '' : '之外，'}不连接其他网站。`,
  serverStatus: '各数据池的进度和参与者',
  selfTests: '各种显卡和浏览器的自检结果（英文）',
  licences: '这里所运行软件的许可',

  tables: Object.freeze({ PHASE, WAITING, REST, STATUS, RUNG, FAILURES }),
});
