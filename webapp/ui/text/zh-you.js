// 谁在这里工作：名字、恢复短语、设备、离开的办法。

/** @typedef {import('./en-you.js').Now} Now */

export const YOU = Object.freeze({
  you: '您',
  anonymous: '匿名',
  youNow: (/** @type {Now} */ { name, hasIdentity, isKept, hasPhrase }) => {
    if (!hasIdentity) return '匿名。第一次开始之前，没有任何关于您的记录。';
    const state = !isKept ? '仅限本次访问' : hasPhrase ? '恢复短语还没有抄下来' : '';
    return [name ?? '', state].filter(Boolean).join(' · ');
  },
  youFailed: (/** @type {string} */ why) => `没有成功：${why}`,
  cancel: '取消',

  nameTitle: '名字',
  name: '显示的名字',
  who: (/** @type {string | null} */ name) =>
    name === null ? '您是匿名的。名字可填可不填，别人可能看到。' : `您的名字是“${name}”。`,
  whoLater: '您是匿名的。第一次开始以后，服务器认识了这个浏览器，就可以取名字。',
  nameSave: '保存',
  nameNone: '保持匿名',
  nameSaved: '名字已保存。',
  nameGone: '您现在是匿名的。',

  phraseTitle: '恢复短语',
  phraseNow: (/** @type {{hasIdentity: boolean, hasPhrase: boolean, isKept: boolean}} */ { hasIdentity, hasPhrase, isKept }) => {
    if (!hasIdentity) return '第一次开始时会生成十二个单词。它们就是您的账户：不用邮箱，不用密码。如果您已经有了，可以在这里使用。';
    const kept = isKept ? '' : '这个浏览器什么也不保存（例如隐私窗口）：没有这些单词，账户会随本次访问结束。';
    return hasPhrase
      ? `十二个单词就是您的账户，也是找回它的唯一办法。在您抄下来之前，由这个浏览器保存。${kept}`
      : `您已经抄下来了；这个浏览器不再保存它。${kept}`;
  },
  phraseShow: '显示我的短语',
  phraseHave: '我有短语',
  phraseLead: '请按顺序抄下这十二个单词，放在以后找得到的地方。',
  phraseSecret: '谁有这些单词，谁就有您的账户。这里没有人会向您要它，也没有人能替您找回它。',
  phraseCopy: '复制',
  phraseCopied: '已复制',
  phraseCopyRefused: '浏览器不允许复制',
  phraseWritten: '我抄好了',
  phraseCheckLead: '请填其中两个单词以便确认。之后这个浏览器会忘掉短语。',
  phraseWord: (/** @type {number} */ place) => `第 ${place} 个单词`,
  phraseCheck: '核对',
  phraseCheckWrong: '和那里写的不一样，请再看一看。',
  phraseBack: '回到单词',
  phraseDropped: '好的。这个浏览器不再保存短语。',
  phraseEnter: '十二个单词',
  phraseUse: '使用',
  phraseCancel: '取消',
  phraseNeeded: '这件事要您的账户同意，而这个浏览器没有保存它的短语。短语只用这一次，不会保存。',
  phraseUnknown: (/** @type {readonly string[]} */ words) => `单词表里没有：${words.join('、')}。`,
  phraseWrong: '这不是相配的十二个单词。可能少了一个、错了一个，或者顺序不对。',
  otherPhrase: '这个短语属于另一个账户。什么也没有改变。',
  recoverTitle: '在这里使用短语',
  recoverLead: '这个浏览器会成为那个账户的一台设备：代替丢失的设备，或者与别的设备并用。服务器会得知这个浏览器。',
  recoverSure: Object.freeze({
    title: '要离开这个浏览器现在的账户吗？',
    paragraphs: ['它的短语您还没有抄下来。这个浏览器换了账户以后，谁也找不回原来的账户和贡献值。'],
    yes: '离开',
  }),
  recovered: '这个浏览器现在是那个账户的设备。',

  devices: '设备',
  devicesLater: '第一次开始以后，服务器认识了这个浏览器，设备会显示在这里。',
  deviceThis: '这一台',
  deviceNameless: '一台设备',
  devicePlatform: /** @type {(platform: string) => string} */ ((platform) => (platform === 'native' ? '终端' : '浏览器')),
  deviceSeen: (/** @type {string} */ since, /** @type {string} */ last) => `始于 ${since}，最近 ${last}`,
  deviceRevoked: '已吊销',
  deviceQuarantined: '结果与重新计算的不符，暂时没有工作',
  revoke: '吊销',
  revokeTitle: '吊销一台设备',
  revokeSure: (/** @type {string} */ name) => ({
    title: '要吊销这台设备吗？',
    paragraphs: [`“${name}”不会再得到工作，它的结果也会被拒绝。已经做的保留。此举无法撤回。`],
    yes: '吊销',
  }),
  revokedNow: '设备已吊销。',

  leave: '离开',
  leaveHint: '忘掉：删除这个浏览器的密钥；账户还在，有短语的人可以继续用。删除：账户在所有地方都消失。',
  forget: '忘掉这个浏览器',
  forgetSure: Object.freeze({
    title: '要忘掉这个浏览器是谁吗？',
    paragraphs: ['工作会停止，这个浏览器的密钥会删除。有短语就随时可以回来。'],
    yes: '忘掉',
  }),
  forgetSureLast: Object.freeze({
    title: '要忘掉这个浏览器是谁吗？',
    paragraphs: ['工作会停止，这个浏览器的密钥会删除。', '您还没有抄下短语：没有它，谁也找不回这个账户和贡献值。'],
    yes: '忘掉',
  }),
  forgotten: '已经忘掉。下一次开始会生成新的账户。',
  remove: '删除我的账户',
  removeTitle: '删除账户',
  removeSure: Object.freeze({
    title: '要删除您的账户吗？',
    paragraphs: [
      '会消失的：您的名字、密钥、设备的名称，以及所有设备上登录的办法。',
      '会保留的：分数，它们的编号不再指向任何人。贡献值谁也不能再领取。',
    ],
    yes: '继续',
  }),
  removeSureAgain: Object.freeze({
    title: '此举无法撤回',
    paragraphs: ['同一个短语找不回这个账户，也不能再使用。'],
    yes: '永久删除',
  }),
  removed: '账户已删除。下一次开始会生成新的账户。',

  keptTitle: '保存什么，保存多久',
  keptFacts: Object.freeze([
    ['在这个浏览器里：它自己的密钥（谁也读不出来）和账户的公钥', '直到您忘掉这个浏览器，或清除本站的数据'],
    ['在这个浏览器里：短语', '直到您抄下来'],
    ['在这个浏览器里：模型', '直到 30 天没有使用，或者另一个模型需要它的空间'],
    ['在服务器上：公钥；如果您取了名字，还有名字', '直到您删除账户'],
    ['在服务器上，每台设备：显卡的名称或线程数、代理的版本、第一次来和最近一次来的时间', '直到您删除账户，或它最后一次来的一年之后（服务器的管理者可以另设期限）'],
    ['在服务器上：每台设备最近的自检结果，连同其显卡和浏览器种类', '一个月，或直到您删除账户'],
    ['在服务器上：分数，连同签名和设备的编号', '永久：工作就是为了它们'],
    ['在服务器上：您来自哪个网络，不是完整的地址', '设备登记后大约一小时；设备持有任务期间，以及最近一次来之后的一周内，只保存用密钥从中算出的代号；在由贡献者互相核对的数据池里，保存到该单元有结论为止'],
  ]),
});
