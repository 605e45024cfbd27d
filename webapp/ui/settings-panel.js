// <dva-settings>: how hard, when, how much and what to show. Native inputs; each change is kept and
// takes effect at once.

import { make, say } from './dom.js';
import { bytes } from './format.js';
import { traffic } from './records.js';
import { SHARES, isPower, isTime } from './settings.js';
import { TEXT } from './text.js';

/** @typedef {import('./conditions.js').Conditions} Conditions */
/** @typedef {import('./settings.js').SettingsStore} SettingsStore */

const CAPS_MB = Object.freeze([100, 250, 500, 1000, 2500, 5000, 10_000, 25_000]);
const BYTES_PER_MB = 1e6;
const USED_EVERY_MS = 2000;

export class SettingsElement extends HTMLElement {
  #powers = Object.keys(SHARES).filter(isPower).map((power) => ({
    power, input: make('input', { type: 'radio', name: 'power', value: power }),
  }));
  #summary = make('span', { class: 'hint' });
  #powerHint = make('p', { class: 'hint' });
  #whenIdle = make('input', { type: 'checkbox', name: 'whenIdle' });
  #whenIdleHint = make('p', { class: 'hint' }, TEXT.whenIdleHint);
  #restOnBattery = make('input', { type: 'checkbox', name: 'restOnBattery' });
  #batteryHint = make('p', { class: 'hint' });
  #scheduled = make('input', { type: 'checkbox', name: 'schedule' });
  #from = make('input', { type: 'time', name: 'from', 'aria-label': `${TEXT.schedule}: ${TEXT.scheduleFrom}` });
  #to = make('input', { type: 'time', name: 'to', 'aria-label': `${TEXT.schedule}: ${TEXT.scheduleTo}` });
  #cap = make('select', { name: 'cap' });
  #capUsed = make('p', { class: 'hint' });
  #showPictures = make('input', { type: 'checkbox', name: 'showPictures' });
  #withdraw = make('button', { type: 'button', class: 'button small' }, TEXT.withdraw);
  #read = make('button', { type: 'button', class: 'button small' }, TEXT.readConsent);
  /** @type {SettingsStore | null} */
  #store = null;
  /** @type {Conditions | null} */
  #conditions = null;

  connectedCallback() {
    if (this.firstChild !== null) return;
    const hours = make('p', { class: 'hours' }, `${TEXT.scheduleFrom} `, this.#from, ` ${TEXT.scheduleTo} `, this.#to);
    const capHead = make('label', { class: 'row' }, `${TEXT.cap} `, this.#cap);
    const when = fieldset(
      TEXT.when,
      choice(this.#whenIdle, TEXT.whenIdle, this.#whenIdleHint),
      choice(this.#restOnBattery, TEXT.restOnBattery, this.#batteryHint),
      choice(this.#scheduled, TEXT.schedule, hours, make('p', { class: 'hint' }, TEXT.scheduleHint)),
    );
    const showHint = make('p', { class: 'hint' }, TEXT.showPicturesHint);
    const pictures = fieldset(TEXT.pictures, choice(this.#showPictures, TEXT.showPictures, showHint));
    const consent = make('div', { class: 'buttons' }, this.#read, this.#withdraw);
    const columns = [
      [this.#powerField(), fieldset('', capHead, this.#capUsed)],
      [when],
      [pictures, fieldset('', consent, make('p', { class: 'hint' }, TEXT.settingsNote))],
    ].map((fields) => make('div', {}, ...fields));
    const summary = make('summary', {}, TEXT.settings, this.#summary);
    this.append(make('details', {}, summary, make('div', { class: 'settings' }, ...columns)));
    this.#listen();
  }

  /**
   * @param {SettingsStore} store
   * @param {Conditions} conditions
   */
  bind(store, conditions) {
    this.#store = store;
    this.#conditions = conditions;
    for (const source of [store, conditions]) source.addEventListener('change', () => this.#render());
    setInterval(() => this.#renderUsed(), USED_EVERY_MS);
    this.#render();
  }

  /** @param {{read: () => void, withdraw: () => void}} actions */
  set consent({ read, withdraw }) {
    this.#read.addEventListener('click', read);
    this.#withdraw.addEventListener('click', withdraw);
  }

  /** @param {boolean} given whether there is a consent that can be read or withdrawn */
  set consented(given) {
    this.#withdraw.hidden = !given;
    this.#read.hidden = !given;
  }

  #powerField() {
    const labels = this.#powers.map(({ power, input }) => make('label', {}, input, make('span', {}, TEXT.powerChoice[power])));
    return fieldset(TEXT.power, make('div', { class: 'segments' }, ...labels), this.#powerHint);
  }

  #listen() {
    for (const { power, input } of this.#powers) input.addEventListener('change', () => this.#store?.set({ power }));
    const flag = (/** @type {HTMLInputElement} */ input, /** @type {'restOnBattery' | 'showPictures'} */ name) =>
      input.addEventListener('change', () => this.#store?.set({ [name]: input.checked }));
    flag(this.#restOnBattery, 'restOnBattery');
    flag(this.#showPictures, 'showPictures');
    this.#whenIdle.addEventListener('change', () => this.#chooseIdle());
    for (const input of [this.#scheduled, this.#from, this.#to]) {
      input.addEventListener('change', () => this.#chooseHours());
    }
    this.#cap.addEventListener('change', () => this.#store?.set({ capMB: Number(this.#cap.value) }));
  }

  async #chooseIdle() {
    const wanted = this.#whenIdle.checked;
    const allowed = !wanted || (await this.#conditions?.askAboutUse()) === true;
    say(this.#whenIdleHint, allowed ? TEXT.whenIdleHint : TEXT.whenIdleRefused);
    this.#store?.set({ whenIdle: wanted && allowed });
  }

  #chooseHours() {
    const [from, to] = [this.#from.value, this.#to.value];
    // A time input that is being edited is empty.
    if (isTime(from) && isTime(to)) this.#store?.set({ schedule: { on: this.#scheduled.checked, from, to } });
  }

  #render() {
    const [store, conditions] = [this.#store, this.#conditions];
    if (store === null || conditions === null) return;
    const { power, whenIdle, restOnBattery, capMB, schedule, showPictures } = store.value;
    for (const choice of this.#powers) choice.input.checked = choice.power === power;
    say(this.#powerHint, TEXT.powerHint[power]);
    say(this.#summary, TEXT.settingsNow(store.value));
    this.#whenIdle.checked = whenIdle && conditions.canTellUse;
    this.#whenIdle.disabled = !conditions.canTellUse;
    if (!conditions.canTellUse) say(this.#whenIdleHint, TEXT.whenIdleUnable);
    else if (whenIdle && conditions.inUse === null) say(this.#whenIdleHint, TEXT.whenIdleRefused);
    this.#restOnBattery.checked = restOnBattery && conditions.canTellBattery;
    this.#restOnBattery.disabled = !conditions.canTellBattery;
    say(this.#batteryHint, conditions.canTellBattery ? '' : TEXT.restOnBatteryUnable);
    this.#scheduled.checked = schedule.on;
    this.#from.value = schedule.from;
    this.#to.value = schedule.to;
    this.#renderCap(capMB);
    this.#showPictures.checked = showPictures;
  }

  /** @param {number} capMB */
  #renderCap(capMB) {
    const choices = [0, ...CAPS_MB, ...(capMB === 0 || CAPS_MB.includes(capMB) ? [] : [capMB])];
    if (this.#cap.options.length !== choices.length || this.#cap.value !== String(capMB)) {
      this.#cap.replaceChildren(...choices.map((mb) =>
        make('option', { value: String(mb) }, mb === 0 ? TEXT.capNone : bytes(mb * BYTES_PER_MB))));
      this.#cap.value = String(capMB);
    }
    this.#renderUsed();
  }

  #renderUsed() {
    say(this.#capUsed, TEXT.capUsed(traffic(new Date()).today));
  }
}

/**
 * @param {string} legend empty: what is in it needs none
 * @param {...HTMLElement} children
 */
function fieldset(legend, ...children) {
  const head = legend === '' ? [] : [make('legend', {}, legend)];
  return make('fieldset', {}, ...head, ...children);
}

/**
 * @param {HTMLInputElement} input
 * @param {string} label
 * @param {...HTMLElement} more what belongs to it
 */
function choice(input, label, ...more) {
  for (const [i, hint] of more.filter(({ className }) => className === 'hint').entries()) {
    hint.id = `${input.name}-hint${i === 0 ? '' : i}`;
    input.setAttribute('aria-describedby', hint.id);
  }
  return make('div', { class: 'choice' }, make('label', {}, input, ` ${label}`), ...more);
}
