// <dva-controls>: Start, Pause, Resume, Stop, what is going on, and what to do if another tab is at it.

import { make, say } from './dom.js';
import { isAlive } from './state.js';
import { TEXT } from './text.js';

/** @typedef {import('./controller.js').Controller} Controller */

/** What a screen reader hears changes at most so often. */
const ANNOUNCE_EVERY_MS = 3000;

export class ControlsElement extends HTMLElement {
  #primary = make('button', { type: 'button', class: 'button primary' });
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
  /** @type {Controller | null} */
  #controller = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const buttons = make('div', { class: 'buttons', role: 'group', 'aria-label': TEXT.controls });
    buttons.append(this.#primary, this.#stop);
    const choices = make('div', { class: 'buttons' }, this.#take, this.#wait);
    this.#other.append(make('strong', {}, TEXT.otherTitle), this.#otherText, choices);
    this.append(buttons, this.#phase, this.#detail, this.#spoken, this.#other);
    this.#primary.addEventListener('click', () => this.#press());
    this.#stop.addEventListener('click', () => this.#controller?.stop());
    this.#take.addEventListener('click', () => {
      this.#blocked = false;
      this.#controller?.takeOver();
    });
    this.#wait.addEventListener('click', () => {
      if (this.#controller?.isQueued) this.#controller.cancelQueue();
      else this.#controller?.queue();
    });
  }

  /** @param {Controller} controller */
  bind(controller) {
    this.#controller = controller;
    controller.addEventListener('change', () => this.#render());
    this.#render();
  }

  /** @param {string} text beside the phase: how far a download is */
  set detail(text) {
    say(this.#detail, text);
  }

  /** This browser can't: something it needs is missing, and the page says what. */
  disable() {
    this.#able = false;
    this.#render();
  }

  /** Another tab is at work. */
  block() {
    this.#blocked = true;
    this.#render();
  }

  async #press() {
    const controller = this.#controller;
    if (controller === null) return;
    const { phase } = controller.state;
    if (phase === 'paused') controller.resume();
    else if (isAlive(phase)) controller.pause();
    else if (!(await controller.start())) {
      this.block();
      this.#take.focus({ preventScroll: true });
    }
  }

  #render() {
    const controller = this.#controller;
    if (controller === null) return;
    const { phase, waitingFor } = controller.state;
    const alive = isAlive(phase);
    if (alive) this.#blocked = false;
    say(this.#primary, primaryLabel(phase));
    this.#primary.disabled = !this.#able || phase === 'pausing' || phase === 'stopping';
    this.#primary.hidden = this.#blocked;
    this.#stop.hidden = !alive;
    this.#stop.disabled = phase === 'stopping';
    say(this.#phase, phase === 'waiting' ? TEXT.waiting(waitingFor) : TEXT.phase(phase));
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

/** @param {import('./state.js').Phase} phase */
function primaryLabel(phase) {
  switch (phase) {
    case 'idle':
      return TEXT.start;
    case 'paused':
      return TEXT.resume;
    case 'failed':
      return TEXT.tryAgain;
    case 'stopped':
    case 'drained':
    case 'taken':
      return TEXT.startAgain;
    default:
      return TEXT.pause;
  }
}
