// What ./en-live.js says, in Chinese (simplified).

import { bytes, count, decimal, duration } from '../format.js';

/** @type {Readonly<Record<string, string>>} */
const REASON = Object.freeze({
  sexual: '含有色情内容',
  violence: '含有暴力或残忍内容',
  hate: '含有仇恨内容',
  personal: '涉及普通人的肖像或姓名',
  illegal: '可能违法',
  other: '其他原因',
});

/** @param {number} share in [0, 1] */
const percent = (share) => `${Math.floor(share * 100)}%`;

/** @typedef {typeof import('./en-live.js').LIVE} English */

/** @type {{[K in keyof English]: English[K] extends string ? string : English[K]}} */
export const LIVE = Object.freeze({
  feedShown: (oneIn, all) =>
    oneIn <= 1 ? `这里已评分 ${count(all)} 对，全部显示。` : `这里已评分 ${count(all)} 对，每 ${count(oneIn)} 对显示 1 对。`,
  feedHold: '停住画面',
  feedRelease: '继续滚动',

  spread: '分数',
  spreadEmpty: '开始评分后逐渐填满。',
  spreadChart: '目前所有分数的直方图',
  spreadOf: (all, middle, low, high) =>
    `共 ${count(all)} 个分数，中位数 ${decimal(middle, 2)}；八成在 ${decimal(low, 2)} 与 ${decimal(high, 2)} 之间。`,
  spreadAxis: (score, step) => (step < 1 ? decimal(score, 1) : count(score)),
  value: (value) => (Number.isInteger(value) ? count(value) : decimal(value, 3)),

  pace: '速度',
  paceEmpty: '运行几秒后显示。',
  paceChart: '最近几分钟每秒评分的对数',
  paceOf: (now, most) => `现在每秒 ${now} 对，最近五分钟内最高 ${most} 对。`,
  paceAgo: (seconds) => `${duration(seconds)}前`,
  paceNow: '现在',

  dataToday: '今日接收',
  energyToday: '今日耗电（估计）',
  dataUsed: (value) => bytes(value),
  energyUsed: (wattHours) =>
    wattHours >= 1000
      ? `${decimal(wattHours / 1000, 2)} 千瓦时`
      : `${decimal(wattHours, wattHours < 10 ? 2 : 0)} 瓦时`,
  ageTitle: '显示未经检查的图片？',
  ageText: '它们原样来自网络，可能含有暴力和裸露内容。在设置里可以重新打上模糊。',
  ageYes: '我已满 18 岁，显示图片',
  ageNo: '保持模糊',

  howCounted: '这些数字怎么算',
  costs: (load) =>
    '接收量由浏览器实测，按压缩后的大小计算，已缓存的不计。浏览器测不到耗电，所以是估计：' +
    (load === null
      ? '评分期间比空闲时多用若干瓦。'
      : `评分期间${load.share < 1 ? `有 ${percent(load.share)} 的时间` : ''}比空闲时多用 ${count(load.watts)} 瓦。` +
        '您的设备可能只用一半，也可能是几倍。'),

  pairTitle: '一对图文及其评分',
  pairClose: '关闭',
  pairPrevious: '上一对',
  pairNext: '下一对',
  pairCaption: '说明文字',
  pairTokens: (all) => `模型看到的词元：${count(all)} 个`,
  pairNoTokens: '模型没有看到任何词元。',
  pairTokenStart: '开始',
  pairTokenEnd: '结束',
  pairScore: '分数',
  pairNoScore: (status) => `没有分数：${status}。`,
  pairRank: (share, all) =>
    all < 2 ? '这里的第一个分数。' : `高于这里 ${count(all)} 个分数中的 ${percent(share)}。`,
  pairPool: '数据池',
  pairUnit: '工作单元',
  pairUid: '编号',
  pairStatus: '状态',
  pairReveal: '显示这张图片',

  report: '举报',
  reportWhy: '为什么不应再向任何人显示这一对？',
  reportReason: (reason) => REASON[reason] ?? reason,
  reportSend: '提交举报',
  reportCancel: '取消',
  reportSending: '正在提交…',
  reportThanks: '谢谢。今后不会再有人看到这一对，本页也已移除。',
  reportKept: '谢谢。服务器的管理者此前已看过这一对并决定保留；本页已移除。',
  reportUnreachable: '服务器没有应答，举报未提交。请稍后再试。',
  reportWait: (seconds) => `服务器请您稍候：${duration(seconds)}后再试。`,
  reportFailed: (why) => `举报未提交：${why}`,
});
