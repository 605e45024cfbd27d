// Payouts outside and their proofs, in English: a part of ./en.js.

export const PAID = Object.freeze({
  paid: 'Payouts and proofs',
  paidSummary: 'Optional',
  paidTitle: 'Payout address',
  paidAddress: 'Address',
  paidLater: 'An address can be named once the server knows this browser, after the first start.',
  paidWhere: (/** @type {string | null} */ address) =>
    `${address === null ? 'No address is named.' : `Credit goes to ${address}.`} ` +
    'This server pays nobody; whoever pays for credit elsewhere can pay there. It stands beside your credit in the statements of later epochs, where everybody can read it.',
  paidSave: 'Save address',
  paidNone: 'Name none',
  paidWrong: 'An address has 8 to 128 letters, digits and _ : . - in it, and no spaces.',
  paidPhrase: 'Name where to pay',
  paidSaved: 'The address is saved. The next epoch names it.',
  paidGone: 'No address is named from the next epoch on.',

  proofTitle: 'Proof of your credit',
  proofHow:
    'From time to time, whoever runs the server closes an epoch: a statement of everybody’s credit, and a root, one number that stands for all of it. ' +
    'A proof shows that your line is in there. Keep it: “dva epoch verify FILE ROOT” checks it against the published root, without this server.',
  proofNoneYet: 'No epoch with credit of yours is closed yet.',
  proofLatest: (/** @type {string} */ epoch, /** @type {string} */ day) => `The latest is epoch ${epoch}, closed on ${day}.`,
  proofEpoch: 'Epoch',
  proofDownload: 'Download the proof',
  proofWrong: 'Give the number of an epoch, such as 1.',
  proofNone: (/** @type {number} */ epoch) => `Nothing of yours is in epoch ${epoch}, or it is not closed yet.`,
  proofSaved: 'The proof is in your downloads.',
});
