// <dva-controls>: Start, Pause, Resume, Finish, Stop, what is going on, and what to do if another tab
// is at it.

import { make, say } from './dom.js';
import { isAlive } from './state.js';
import { TEXT } from './text.js';

/** @typedef {import('./controller.js').Controller} Controller */
/** @typedef {import('./state.js').State} State */

/** What a screen reader hears changes at most so often. */
const ANNOUNCE_EVERY_MS = 3000;
const COUNT_EVERY_MS = 1000;

export class ControlsElement extends HTMLElement {
  #primary = make('button', { type: 'button', class: 'button primary' });
  #finish = make('button', { type: 'button', class: 'button', title: TEXT.finishHint }, TEXT.finish);
  #stop = make('button', { type: 'button', class: 'button' }, TEXT.stop);
  #phase = make('p', { class: 'phase', 'aria-hidden': 'true' });
  #detail = make('p', { class: 'hint detail' });
  #spoken = make('p', { class: 'spoken', role: 'status' });
  #other = make('div', { class: 'other', hidden: '' });
  #otherText = make('p');
  #take = make('button', { type: 'button', class: 'button primary' }, TEXT.otherTake);
  #wait = make('button', { type: 'button', class: 'button' });
  #announcing = false;
  #blocked = false;
  /** Whether the focus was on a button that can't have it any more. */
  #astray = false;
  #able = true;
  #asked = '';
  /** @type {(() => Promise<boolean>) | null} null: whom to ask isn't known yet, and nothing can start */
  #mayStart = null;
  /** @type {Controller | null} */
  #controller = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const buttons = make('div', { class: 'buttons', role: 'group', 'aria-label': TEXT.controls });
    buttons.append(this.#primary, this.#finish, this.#stop);
    const choices = make('div', { class: 'buttons' }, this.#take, this.#wait);
    this.#other.append(make('strong', {}, TEXT.otherTitle), this.#otherText, choices);
    this.append(buttons, this.#phase, this.#detail, this.#spoken, this.#other);
    this.#primary.addEventListener('click', () => this.#press());
    this.#finish.addEventListener('click', () => this.#controller?.finish());
    this.#stop.addEventListener('click', () => this.#controller?.stop());
    this.#take.addEventListener('click', () => this.#takeOver());
    this.#wait.addEventListener('click', () => this.#queue());
  }

  /** @param {Controller} controller */
  bind(controller) {
    this.#controller = controller;
    controller.addEventListener('change', () => this.#render());
    setInterval(() => this.#render(), COUNT_EVERY_MS);
    this.#render();
  }

  /** @param {() => Promise<boolean>} ask whether the person agrees, asked before each start */
  set mayStart(ask) {
    this.#mayStart = ask;
    this.#render();
  }

  /** @param {string} text beside the phase: how far a download is */
  set detail(text) {
    this.#asked = text;
    this.#render();
  }

  /** @param {boolean} able false: this device can't, and the page says why */
  set isAble(able) {
    if (able === this.#able) return;
    this.#able = able;
    this.#render();
  }

  /** Another tab is at work. */
  block() {
    this.#blocked = true;
    this.#render();
  }

  async #press() {
    const controller = this.#controller;
    const mayStart = this.#mayStart;
    if (controller === null || mayStart === null) return;
    const { phase, rest } = controller.state;
    if (rest?.reason === 'consent') await mayStart();
    else if (phase === 'paused') controller.resume();
    else if (isAlive(phase)) controller.pause();
    else if ((await mayStart()) && !(await controller.start())) {
      this.block();
      this.#take.focus({ preventScroll: true });
    }
  }

  async #takeOver() {
    if (!(await this.#mayStart?.())) return;
    this.#blocked = false;
    this.#controller?.takeOver();
  }

  async #queue() {
    if (this.#controller?.isQueued) this.#controller.cancelQueue();
    else if (await this.#mayStart?.()) this.#controller?.queue();
  }

  #render() {
    const controller = this.#controller;
    if (controller === null) return;
    const { state } = controller;
    const { phase } = state;
    const alive = isAlive(phase);
    if (alive) this.#blocked = false;
    say(this.#primary, primaryLabel(state));
    const isEnding = ['pausing', 'stopping', 'finishing'].includes(phase);
    this.#primary.disabled = isEnding || !this.#able || this.#mayStart === null;
    this.#primary.hidden = this.#blocked;
    this.#finish.hidden = !alive;
    this.#finish.disabled = phase === 'stopping' || phase === 'finishing';
    this.#stop.hidden = !alive;
    this.#stop.disabled = phase === 'stopping';
    say(this.#phase, phase === 'idle' && !this.#able ? TEXT.unable : phaseText(state));
    say(this.#detail, controller.isRenewing ? TEXT.renewing : detailText(state) || this.#asked);
    this.#phase.dataset.phase = phase;
    this.#phase.hidden = this.#blocked;
    this.#detail.hidden = this.#blocked;
    this.#other.hidden = !this.#blocked;
    say(this.#otherText, controller.isQueued ? TEXT.otherWaiting : TEXT.otherText);
    say(this.#wait, controller.isQueued ? TEXT.otherCancel : TEXT.otherWait);
    this.#keepFocus();
    this.#announce();
  }

  /** Whoever works by keyboard would have to begin at the top of the page when a button goes away. */
  #keepFocus() {
    const { activeElement } = document;
    if (activeElement instanceof HTMLButtonElement && this.contains(activeElement)) {
      this.#astray = activeElement.disabled || activeElement.closest('[hidden]') !== null;
    } else if (activeElement !== document.body) {
      this.#astray = false;
    }
    const next = this.#blocked ? this.#take : this.#primary;
    if (!this.#astray || next.disabled) return;
    next.focus({ preventScroll: true });
    this.#astray = false;
  }

  #announce() {
    if (this.#announcing) return;
    this.#announcing = true;
    say(this.#spoken, this.#blocked ? TEXT.otherTitle : (this.#phase.textContent ?? ''));
    setTimeout(() => {
      this.#announcing = false;
      const text = this.#blocked ? TEXT.otherTitle : (this.#phase.textContent ?? '');
      if (this.#spoken.textContent !== text) this.#announce();
    }, ANNOUNCE_EVERY_MS);
  }
}

/** @param {State} state */
function phaseText({ phase, rest, waitingFor }) {
  if (phase === 'waiting') return TEXT.waiting(waitingFor);
  if (phase === 'resting' && rest !== null) return TEXT.resting(rest.reason);
  return TEXT.phase(phase);
}

/**
 * @param {State} state
 * @returns {string} until when it idles
 */
function detailText({ phase, rest, waitingUntil }) {
  const seconds = (waitingUntil - Date.now()) / 1000;
  if (phase === 'waiting') return seconds > 0 ? TEXT.askAgain(seconds) : '';
  if (phase !== 'resting' || rest === null || rest.reason === 'consent') return '';
  return rest.until === null ? TEXT.restByItself : TEXT.restUntil(rest.until);
}

/** @param {State} state */
function primaryLabel({ phase, rest }) {
  switch (phase) {
    case 'idle':
      return TEXT.start;
    case 'paused':
      return TEXT.resume;
    case 'resting':
      return rest?.reason === 'consent' ? TEXT.restConsent : TEXT.pause;
    case 'failed':
      return TEXT.tryAgain;
    case 'stopped':
    case 'finished':
    case 'drained':
    case 'taken':
      return TEXT.startAgain;
    default:
      return TEXT.pause;
  }
}
