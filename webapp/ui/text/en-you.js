// Who works here, in English: name, recovery phrase, devices, the ways out.

/** @typedef {{name: string | null, hasIdentity: boolean, isKept: boolean, hasPhrase: boolean}} Now */

export const YOU = Object.freeze({
  you: 'You',
  anonymous: 'Anonymous',
  youNow: (/** @type {Now} */ { name, hasIdentity, isKept, hasPhrase }) => {
    if (!hasIdentity) return 'Anonymous. Nothing is known of you before the first start.';
    const state = !isKept ? 'For this visit only' : hasPhrase ? 'Recovery phrase not written down yet' : '';
    return [name ?? '', state].filter(Boolean).join(' · ');
  },
  youFailed: (/** @type {string} */ why) => `It did not work: ${why}`,
  cancel: 'Cancel',

  nameTitle: 'Name',
  name: 'Display name',
  who: (/** @type {string | null} */ name) =>
    name === null
      ? 'You are anonymous. A name is optional; others may see it.'
      : `You go by “${name}”.`,
  whoLater: 'You are anonymous. A name can be chosen once the server knows this browser, after the first start.',
  nameSave: 'Save',
  nameNone: 'Stay anonymous',
  nameSaved: 'The name is saved.',
  nameGone: 'You are anonymous now.',

  phraseTitle: 'Recovery phrase',
  phraseNow: (/** @type {{hasIdentity: boolean, hasPhrase: boolean, isKept: boolean}} */ { hasIdentity, hasPhrase, isKept }) => {
    if (!hasIdentity) return 'Twelve words are made at the first start. They are your account: no e-mail, no password. If you have some already, use them here.';
    const kept = isKept ? '' : ' This browser keeps nothing, as in a private window: without the words, the account ends with this visit.';
    return hasPhrase
      ? `Twelve words are your account, and the only way back to it. Until you have written them down, this browser keeps them.${kept}`
      : `You have it written down; this browser does not keep it.${kept}`;
  },
  phraseShow: 'Show my phrase',
  phraseHave: 'I have a phrase',
  phraseLead: 'Write these twelve words down, in their order, where you will find them again.',
  phraseSecret: 'Whoever has them has your account. Nobody here will ever ask for them, and nobody can give them back to you.',
  phraseCopy: 'Copy',
  phraseCopied: 'Copied',
  phraseCopyRefused: 'The browser does not allow it',
  phraseWritten: 'I have written it down',
  phraseCheckLead: 'Two of the words, to be sure. After that, this browser forgets the phrase.',
  phraseWord: (/** @type {number} */ place) => `Word ${place}`,
  phraseCheck: 'Check',
  phraseCheckWrong: 'That is not what stands there. Look again.',
  phraseBack: 'Back to the words',
  phraseDropped: 'Good. This browser does not keep the phrase any more.',
  phraseEnter: 'The twelve words',
  phraseUse: 'Use it',
  phraseCancel: 'Cancel',
  phraseNeeded: 'Your account has to agree to this, and this browser does not keep its phrase. It is used once and not kept.',
  phraseUnknown: (/** @type {readonly string[]} */ words) => `Not in the list of words: ${words.join(', ')}.`,
  phraseWrong: 'These are not twelve words that belong together. One may be missing, another one, or in another place.',
  otherPhrase: 'This phrase is of another account. Nothing was changed.',
  recoverTitle: 'Use a phrase here',
  recoverLead: 'This browser becomes a device of that account: after the loss of another one, or beside it. The server is told of this browser.',
  recoverSure: Object.freeze({
    title: 'Leave the account of this browser?',
    paragraphs: ['You have not written its phrase down. Once this browser is of another account, nobody can get back to the old one or its credit.'],
    yes: 'Leave it',
  }),
  recovered: 'This browser is a device of that account now.',

  devices: 'Devices',
  devicesLater: 'Shown once the server knows this browser, after the first start.',
  deviceThis: 'this one',
  deviceNameless: 'A device',
  devicePlatform: /** @type {(platform: string) => string} */ ((platform) => (platform === 'native' ? 'terminal' : 'browser')),
  deviceSeen: (/** @type {string} */ since, /** @type {string} */ last) => `since ${since}, last seen ${last}`,
  deviceRevoked: 'revoked',
  deviceQuarantined: 'no work for now, its results differed when computed again',
  revoke: 'Revoke',
  revokeTitle: 'Revoke a device',
  revokeSure: (/** @type {string} */ name) => ({
    title: 'Revoke this device?',
    paragraphs: [`“${name}” gets no more work and its results are refused. What it has done stays. This cannot be undone.`],
    yes: 'Revoke',
  }),
  revokedNow: 'The device is revoked.',

  leave: 'Leave',
  leaveHint: 'Forget: this browser’s keys go; the account stays, for whoever has its phrase. Delete: the account goes, everywhere.',
  forget: 'Forget this browser',
  forgetSure: Object.freeze({
    title: 'Forget who this browser is?',
    paragraphs: ['Work stops, and the keys of this browser are deleted. With your phrase you can come back at any time.'],
    yes: 'Forget',
  }),
  forgetSureLast: Object.freeze({
    title: 'Forget who this browser is?',
    paragraphs: [
      'Work stops, and the keys of this browser are deleted.',
      'You have not written your phrase down: without it, nobody can get back to this account or its credit.',
    ],
    yes: 'Forget',
  }),
  forgotten: 'Forgotten. The next start makes a new account.',
  remove: 'Delete my account',
  removeTitle: 'Delete the account',
  removeSure: Object.freeze({
    title: 'Delete your account?',
    paragraphs: [
      'What goes: your name, your keys, what your devices are called, and every way to sign in, on all devices.',
      'What stays: the scores, under a number that leads to nobody any more. Credit can’t be claimed by anybody.',
    ],
    yes: 'Go on',
  }),
  removeSureAgain: Object.freeze({
    title: 'This cannot be undone',
    paragraphs: ['The same phrase will not bring the account back, nor can it be used again.'],
    yes: 'Delete it for good',
  }),
  removed: 'The account is deleted. The next start makes a new one.',

  keptTitle: 'What is kept, and for how long',
  keptFacts: Object.freeze([
    ['In this browser: a key of its own, which nobody can read out, and the account’s public key', 'until you forget this browser, or clear the data of this site'],
    ['In this browser: the phrase', 'until you have written it down'],
    ['In this browser: the model', 'until it was not used for 30 days, or another model needs its room'],
    ['On the server: public keys, your name if you chose one', 'until you delete the account'],
    ['On the server, of each device: the name of its graphics card or the number of its threads, the version of the agent, when it first came and was last here', 'until you delete the account, or a year after it was last here (whoever runs the server may set another time)'],
    ['On the server: how the latest self-tests of each device came out, with its graphics card and the kind of browser', 'a month, or until you delete the account'],
    ['On the server: the scores, with the signature and the number of the device', 'for good: they are what the work is for'],
    ['On the server: the network you come from, not the whole address', 'about an hour after a device registers; while it holds work, and for a week after it was last here, a name made of it with a secret; where contributors check each other, until its unit is decided'],
  ]),
});
