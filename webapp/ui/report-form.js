// The way to report a pair: a button, a reason, a confirmation, and what came of it.

import { make, say } from './dom.js';
import { REASONS, report } from './reports.js';
import { TEXT } from './text.js';

/** @typedef {import('../engine/wire.js').ShownPair} ShownPair */
/** @typedef {import('./reports.js').Outcome} Outcome */

export class ReportForm {
  #ask = make('button', { type: 'button', class: 'button small' }, TEXT.report);
  #reason = make('select', { class: 'select', id: 'report-reason' });
  #send = make('button', { type: 'submit', class: 'button small primary' }, TEXT.reportSend);
  #cancel = make('button', { type: 'button', class: 'button small' }, TEXT.reportCancel);
  #form = make('form', { hidden: '' });
  #said = make('p', { class: 'said', role: 'status' });
  element = make('div', { class: 'report' });
  /** @type {ShownPair | null} */
  #pair = null;
  /** @type {import('./session.js').Session | null} */
  session = null;
  #done;

  /** @param {(pair: ShownPair) => void} done called when nobody is to see the pair any more */
  constructor(done) {
    this.#done = done;
    this.#reason.append(...REASONS.map((value) => make('option', { value }, TEXT.reportReason(value))));
    const label = make('label', { for: 'report-reason' }, TEXT.reportWhy);
    const buttons = make('div', { class: 'buttons' }, this.#send, this.#cancel);
    this.#form.append(label, this.#reason, buttons);
    this.element.append(this.#ask, this.#form, this.#said);
    this.#ask.addEventListener('click', () => this.#open(true));
    this.#cancel.addEventListener('click', () => this.#open(false));
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
  }

  /** @param {ShownPair} pair */
  show(pair) {
    this.#pair = pair;
    this.#ask.hidden = false;
    this.#form.hidden = true;
    this.#send.disabled = false;
    this.#reason.selectedIndex = 0;
    say(this.#said, '');
  }

  /** @param {boolean} open */
  #open(open) {
    this.#ask.hidden = open;
    this.#form.hidden = !open;
    say(this.#said, '');
    (open ? this.#reason : this.#ask).focus();
  }

  async #submit() {
    const { session } = this;
    const pair = this.#pair;
    if (pair === null || session === null) return;
    this.#send.disabled = true;
    say(this.#said, TEXT.reportSending);
    const outcome = await report(session, pair, this.#reason.value);
    if (outcome.kind === 'done') this.#done(pair);
    // Another pair is open by now; this one's failure would be read as that one's.
    if (pair !== this.#pair) return;
    this.#send.disabled = false;
    say(this.#said, wordsFor(outcome));
    if (outcome.kind === 'done') this.#form.hidden = true;
  }
}

/** @param {Outcome} outcome */
function wordsFor(outcome) {
  switch (outcome.kind) {
    case 'done':
      return outcome.kept ? TEXT.reportKept : TEXT.reportThanks;
    case 'wait':
      return TEXT.reportWait(outcome.seconds);
    case 'unreachable':
      return TEXT.reportUnreachable;
    default:
      return TEXT.reportFailed(outcome.why);
  }
}
