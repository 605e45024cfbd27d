// What ./en-paid.js says, in Chinese (simplified).

/** @typedef {typeof import('./en-paid.js').PAID} English */

/** @type {{[K in keyof English]: English[K] extends string ? string : English[K]}} */
export const PAID = Object.freeze({
  paid: '支付与证明',
  paidSummary: '可选',
  paidTitle: '收款地址',
  paidAddress: '地址',
  paidLater: '第一次开始以后，服务器认识了这个浏览器，就可以填写地址。',
  paidWhere: (address) =>
    `${address === null ? '没有填写地址。' : `贡献值付到 ${address}。`}` +
    '此服务器不向任何人付款；在别处为贡献值付款的人可以付到这里。它会写在之后各期的公示中您的贡献值旁边，人人都能看到。',
  paidSave: '保存地址',
  paidNone: '不填地址',
  paidWrong: '地址由 8 到 128 个字母、数字和 _ : . - 组成，不含空格。',
  paidPhrase: '填写收款地址',
  paidSaved: '地址已保存，从下一期起生效。',
  paidGone: '从下一期起不再写地址。',

  proofTitle: '贡献值的证明',
  proofHow:
    '服务器的管理者会不时结算一期：公示所有人的贡献值，并公布一个根值，用一个数代表全部内容。' +
    '证明能说明您的那一行就在其中。请保存好：用“dva epoch verify 文件 根值”就能对照公布的根值核对，不需要这台服务器。',
  proofNoneYet: '还没有结算过包含您贡献值的一期。',
  proofLatest: (epoch, day) => `最近的是第 ${epoch} 期，结算于 ${day}。`,
  proofEpoch: '期数',
  proofDownload: '下载证明',
  proofWrong: '请填写期数，例如 1。',
  proofNone: (epoch) => `第 ${epoch} 期里没有您的记录，或者还没有结算。`,
  proofSaved: '证明已下载。',
});
