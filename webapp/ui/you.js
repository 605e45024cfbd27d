// <dva-you>: who works here: a name or none, the recovery phrase, the devices of the account, and the
// ways out. Nothing in it is needed to start.

import { deviceItems } from './my-devices.js';
import { make, say } from './dom.js';
import { TEXT } from './text.js';
import { wordsFor } from './wording.js';

/** @typedef {import('./account.js').Account} Account */
/** @typedef {import('./ask.js').AskElement} AskElement */
/** @typedef {import('./phrase-entry.js').PhraseEntryElement} PhraseEntryElement */
/** @typedef {import('./phrase-sheet.js').PhraseElement} PhraseElement */
/** @typedef {import('./server-types.js').MyDevice} MyDevice */
/** @typedef {{ask: AskElement, entry: PhraseEntryElement, sheet: PhraseElement}} Dialogs */

const MAX_NAME = '40';

export class YouElement extends HTMLElement {
  #summary = make('span', { class: 'hint' });
  #details = make('details');
  #who = make('p', { class: 'hint', id: 'you-who' });
  #name = make('input', {
    type: 'text', id: 'you-name', maxlength: MAX_NAME, autocomplete: 'nickname', 'aria-describedby': 'you-who',
  });
  #save = make('button', { type: 'submit', class: 'button small' }, TEXT.nameSave);
  #anonymous = make('button', { type: 'button', class: 'button small' }, TEXT.nameNone);
  #form = make('form', { class: 'name' });
  #phraseState = make('p', { class: 'hint' });
  #show = make('button', { type: 'button', class: 'button small' }, TEXT.phraseShow);
  #recover = make('button', { type: 'button', class: 'button small' }, TEXT.phraseHave);
  #devices = make('ul', { class: 'devices' });
  #noDevices = make('p', { class: 'hint' }, TEXT.devicesLater);
  #forget = make('button', { type: 'button', class: 'button small' }, TEXT.forget);
  #remove = make('button', { type: 'button', class: 'button small danger' }, TEXT.remove);
  #said = make('p', { class: 'said', role: 'status' });
  /** @type {Account | null} */
  #account = null;
  /** @type {Dialogs | null} */
  #dialogs = null;
  /** Whether something is under way: one thing at a time. */
  #busy = false;
  /** Whether the server was asked since the panel was opened. */
  #looked = false;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const label = make('label', { for: 'you-name' }, TEXT.name);
    this.#form.append(label, this.#name, make('div', { class: 'buttons' }, this.#save, this.#anonymous));
    const columns = [
      [section(TEXT.nameTitle, this.#who, this.#form), section(TEXT.phraseTitle, this.#phraseState, buttons(this.#show, this.#recover))],
      [section(TEXT.devices, this.#noDevices, this.#devices), section(TEXT.leave, make('p', { class: 'hint' }, TEXT.leaveHint), buttons(this.#forget, this.#remove))],
      [section(TEXT.keptTitle, keptList())],
    ].map((sections) => make('div', {}, ...sections));
    const summary = make('summary', {}, TEXT.you, this.#summary);
    const inside = make('div', { class: 'settings you' }, ...columns);
    this.#details.append(summary, this.#said, inside);
    this.append(this.#details);
    this.#listen();
  }

  /**
   * @param {Account} account
   * @param {Dialogs} dialogs
   */
  bind(account, dialogs) {
    this.#account = account;
    this.#dialogs = dialogs;
    account.addEventListener('change', () => this.render());
    this.render();
  }

  #listen() {
    this.#details.addEventListener('toggle', () => {
      this.#looked = false;
      this.render();
    });
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#rename(this.#name.value);
    });
    this.#anonymous.addEventListener('click', () => this.#rename(null));
    this.#show.addEventListener('click', () => this.#showPhrase());
    this.#recover.addEventListener('click', () => this.#join());
    this.#forget.addEventListener('click', () => this.#leave());
    this.#remove.addEventListener('click', () => this.#delete());
  }

  /** Anew, from what is known. */
  render() {
    const account = this.#account;
    if (account === null) return;
    const { identity, me, isKept, isKnown } = account;
    say(this.#summary, TEXT.youNow({
      name: me === null ? null : (me.display_name ?? TEXT.anonymous),
      hasIdentity: identity !== null, isKept, hasPhrase: identity?.phrase != null,
    }));
    say(this.#who, me === null ? TEXT.whoLater : TEXT.who(me.display_name));
    if (document.activeElement !== this.#name) this.#name.value = me?.display_name ?? '';
    for (const control of [this.#name, this.#save]) control.disabled = me === null;
    this.#anonymous.disabled = me === null || me.display_name === null;
    say(this.#phraseState, TEXT.phraseNow({ hasIdentity: identity !== null, hasPhrase: identity?.phrase != null, isKept }));
    this.#show.hidden = identity === null || identity.phrase === null;
    this.#noDevices.hidden = me !== null;
    this.#devices.replaceChildren(...deviceItems(me?.devices ?? [], (device) => this.#revoke(device)));
    this.#forget.disabled = identity === null;
    this.#remove.disabled = me === null;
    if (this.#details.open && isKnown && !this.#looked && !this.#busy) this.#look();
  }

  /** Says nothing when it goes well: what was said last may be of an action just now. */
  async #look() {
    this.#looked = true;
    try {
      await this.#account?.look();
    } catch (error) {
      console.warn(error);
      say(this.#said, wordsFor(error));
    }
  }

  /** @param {string | null} name */
  async #rename(name) {
    const cleaned = name?.trim() ?? '';
    await this.#act(async (account) => {
      await account.rename(cleaned === '' ? null : cleaned);
      return cleaned === '' ? TEXT.nameGone : TEXT.nameSaved;
    });
  }

  async #showPhrase() {
    const phrase = this.#account?.identity?.phrase ?? null;
    if (phrase === null || !(await this.#dialogs?.sheet.show(phrase))) return;
    await this.#act(async (account) => {
      await account.dropPhrase();
      return TEXT.phraseDropped;
    });
    this.#recover.focus();
  }

  async #join() {
    const phrase = await this.#dialogs?.entry.ask(TEXT.recoverTitle, TEXT.recoverLead);
    if (phrase == null) return;
    // What this browser was so far has no other way back.
    const isLast = this.#account?.identity?.phrase != null;
    if (isLast && !(await this.#sure(TEXT.recoverSure))) return;
    await this.#act(async (account) => {
      await account.recover(phrase);
      return TEXT.recovered;
    });
  }

  /** @param {MyDevice} device */
  async #revoke(device) {
    if (!(await this.#sure(TEXT.revokeSure(device.device_class)))) return;
    const phrase = await this.#phrase(TEXT.revokeTitle);
    if (phrase == null) return;
    await this.#act(async (account) => {
      await account.revoke(device.device, phrase);
      return TEXT.revokedNow;
    });
  }

  async #leave() {
    const hasPhrase = this.#account?.identity?.phrase != null;
    if (!(await this.#sure(hasPhrase ? TEXT.forgetSureLast : TEXT.forgetSure))) return;
    await this.#act(async (account) => {
      await account.forget();
      return TEXT.forgotten;
    });
  }

  async #delete() {
    if (!(await this.#sure(TEXT.removeSure))) return;
    const phrase = await this.#phrase(TEXT.removeTitle);
    if (phrase == null || !(await this.#sure(TEXT.removeSureAgain))) return;
    await this.#act(async (account) => {
      await account.remove(phrase);
      return TEXT.removed;
    });
  }

  /**
   * @param {string} title
   * @returns {Promise<string | null | undefined>} the kept one, or what the person types
   */
  async #phrase(title) {
    return this.#account?.identity?.phrase ?? this.#dialogs?.entry.ask(title, TEXT.phraseNeeded);
  }

  /** @param {{title: string, paragraphs: readonly string[], yes: string}} question */
  async #sure(question) {
    return (await this.#dialogs?.ask.ask({ ...question, no: TEXT.cancel })) === true;
  }

  /** @param {(account: Account) => Promise<string>} action resolves to what to say of it */
  async #act(action) {
    const account = this.#account;
    if (account === null || this.#busy) return;
    this.#busy = true;
    say(this.#said, '');
    try {
      say(this.#said, await action(account));
    } catch (error) {
      console.warn(error);
      say(this.#said, wordsFor(error));
    }
    this.#busy = false;
    this.render();
  }
}

/**
 * @param {string} title
 * @param {...HTMLElement} children
 */
function section(title, ...children) {
  return make('section', {}, make('h2', {}, title), ...children);
}

/** @param {...HTMLElement} children */
function buttons(...children) {
  return make('div', { class: 'buttons' }, ...children);
}

/** What is kept about a device, where, and for how long. */
function keptList() {
  const rows = TEXT.keptFacts.map(([what, long]) => make('div', {}, make('dt', {}, what), make('dd', {}, long)));
  return make('dl', { class: 'kept' }, ...rows);
}
