// What ./en-credit.js says, in Chinese (simplified).

import { count } from '../format.js';

/** @type {Readonly<Record<string, string>>} */
const REASON = Object.freeze({
  posted: '服务器已收到它的分数。',
  passed: '审计程序重新计算了其中一些分数，结果一致。',
  audits_passed: '它和之后的审计都已通过，这份贡献值归您。',
  audit_failed: '在确认它之前，它或本设备另一个单元的审计没有通过，因此退回重做。',
  recheck_failed: '它曾被确认，但在重新检查本设备的工作时发现有误。',
  score_differs: '有一个分数与审计程序算出的相差太大，超出了任何设备应有的误差。',
  score_biased: '分数整体偏向一边：这不是噪声，而是故障。',
  score_doubtful: '无论检查多少对，分数始终与审计程序的结果相差过大。',
  status_differs: '有一对的状态与审计程序得到的不同，而且不能用解码器的差别来解释。',
  class_quarantined: '这一类设备算出的结果有误。这不算您的过错，该单元已退回重做。',
  shard_quarantined: '它所在的那一部分数据有问题。这不算您的过错。',
  status_disputed: '被说成损坏的图片，比两种解码器之间会有的分歧更多。',
  value_doubtful: '无论检查多少对，数值始终与审计程序的结果相差过大。',
  value_differs: '有一个数值与审计程序算出的不同。',
  copies_agree: '其他贡献者对这个单元得出了同样的结果，这份贡献值归你。',
  believed: '本设备的工作已多次得到他人印证，因此这次直接采信，这份贡献值归你。',
  outvoted: '拿到同一单元的人中，多数得出了不同的结果。',
  no_majority: '拿到同一单元的人得出的结果各不相同，因此都不算数。',
});

/** @type {Readonly<Record<string, string>>} */
const AWAITS = Object.freeze({
  auditor: '正在等待审计程序：此服务器目前没有运行审计程序。',
  audit: '正在排队等待审计。',
  later_audits: '还要等之后单元的审计也通过。如果您停止工作，几小时内会对剩下的部分做最后一次审计。',
  copies: '正在等待另一位贡献者领取或完成同一单元。',
});

/** @typedef {typeof import('./en-credit.js').CREDIT} English */

/** @type {{[K in keyof English]: English[K] extends string ? string : English[K] extends (...words: infer A) => string ? (...words: A) => string : {readonly [L in keyof English[K]]: string}}} */
export const CREDIT = Object.freeze({
  credit: '贡献值',
  creditKind: Object.freeze({ pending: '待确认', confirmed: '已确认', forfeited: '未获得', revoked: '已收回' }),
  creditNone: '还没有。本浏览器提交第一批分数后就会出现在这里。',
  creditLoading: '正在询问服务器…',
  creditFailed: (why) => `服务器现在无法给出。${why}`,
  creditPending: (units) => `有 ${count(units)} 个单元在等待审计。`,
  creditSettled: '没有正在等待的单元。',
  creditHow:
    '这是服务器统计的、您账户下所有设备的总和。每一对的贡献值等于模型为它做的计算量，以百万次或十亿次运算（MFLOP、GFLOP）计，设备自己声称什么都不会使它变多。' +
    '服务器上的审计程序会抽样重新计算您的工作：一致的得到确认，不一致的不予计入。',
  pairs: (pairs) => `${count(pairs)} 对`,

  work: '您的工作，逐个单元',
  workLoading: '正在询问服务器…',
  workNone: '还没有。',
  workCount: (units) => `最近的 ${units} 个，新的在前。`,
  workMore: '显示更早的',
  workState: Object.freeze({ pending: '待确认', confirmed: '已确认', forfeited: '未获得', revoked: '已收回' }),
  workReason: (code) => REASON[code] ?? `服务器给出的原因代码是“${code}”。`,
  workAwaits: (code) => AWAITS[code] ?? '',
});
