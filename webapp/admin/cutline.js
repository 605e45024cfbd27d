// <dva-cutline>: the line over a histogram, dragged by pointer, finger or keys. While it moves, figures
// are counted from bins and say so; when it rests, the server says them exactly and shows its pairs.
// The form beside it holds what is asked for, so that everything works without this, too.

import { Bins } from './bins.js';

/** @typedef {'top' | 'threshold' | 'count'} Rule */
/**
 * What the server says of a line; with `fault`, why there is none.
 * @typedef {{fault?: string, threshold: number, members: number, scored: number, ties: number,
 *   shared: number | null, share_of_cut: number | null, share_of_other: number | null,
 *   command?: string}} Told
 */

const REST_MS = 220;
const PAGE_STEPS = 10;
const COUNT = new Intl.NumberFormat('en');

class CutLine extends HTMLElement {
  #bins = new Bins({ low: 0, high: 1, counts: [1], shared: null });
  #score = 0;
  #timer = 0;
  /** Of the latest question: an answer to an older one is dropped. */
  #asked = 0;
  #left = new AbortController();

  connectedCallback() {
    const data = JSON.parse(this.dataset.bins ?? '{}');
    this.#bins = new Bins(data);
    const { signal } = (this.#left = new AbortController());
    const told = /** @type {Told} */ (data.told);
    this.#move(told.fault === undefined ? told.threshold : data.low);
    this.#handle.hidden = false;
    this.classList.add('ready');
    this.#plot.addEventListener('pointerdown', (event) => this.#grab(event), { signal });
    this.#handle.addEventListener('keydown', (event) => this.#press(event), { signal });
    this.#form.addEventListener('input', (event) => this.#write(event), { signal });
    this.#form.addEventListener('change', (event) => this.#choose(event), { signal });
    this.#form.addEventListener('submit', (event) => this.#submit(event), { signal });
  }

  disconnectedCallback() {
    this.#left.abort();
    clearTimeout(this.#timer);
  }

  get #plot() {
    return /** @type {HTMLElement} */ (this.querySelector('.plot'));
  }

  get #handle() {
    return /** @type {HTMLElement} */ (this.querySelector('.handle'));
  }

  get #form() {
    return /** @type {HTMLFormElement} */ (document.getElementById('asked'));
  }

  get #rule() {
    return /** @type {HTMLSelectElement} */ (this.#form.elements.namedItem('rule'));
  }

  get #value() {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem('value'));
  }

  /** @param {PointerEvent} event */
  #grab(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.#handle.focus();
    this.#handle.setPointerCapture(event.pointerId);
    const follow = (/** @type {PointerEvent} */ moved) => this.#drag(this.#under(moved));
    follow(event);
    this.#handle.addEventListener('pointermove', follow);
    const drop = () => this.#handle.removeEventListener('pointermove', follow);
    this.#handle.addEventListener('lostpointercapture', drop, { once: true });
  }

  /** @param {PointerEvent} event */
  #under(event) {
    const { left, width } = this.#plot.getBoundingClientRect();
    const { low, high } = this.#bins;
    return low + ((event.clientX - left) / width) * (high - low);
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const { step, low, high } = this.#bins;
    const wanted = {
      ArrowRight: this.#score + step,
      ArrowUp: this.#score + step,
      ArrowLeft: this.#score - step,
      ArrowDown: this.#score - step,
      PageUp: this.#score + PAGE_STEPS * step,
      PageDown: this.#score - PAGE_STEPS * step,
      Home: low,
      End: high,
    }[event.key];
    if (wanted === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.#drag(wanted);
  }

  /**
   * The line is moved: the field says what that comes to.
   * @param {number} score
   */
  #drag(score) {
    this.#move(score);
    const members = this.#bins.members(this.#score);
    this.#value.value = {
      top: String(Number(((100 * Math.max(members, 1)) / this.#bins.scored).toFixed(2)) || 0.01),
      threshold: this.#score.toFixed(4),
      count: String(Math.max(members, 1)),
    }[/** @type {Rule} */ (this.#rule.value)];
    this.#roughly();
    this.#restSoon();
  }

  /**
   * The field is written in: the line goes there.
   * @param {Event} event
   */
  #write(event) {
    const number = Number(this.#value.value);
    if (event.target !== this.#value || this.#value.value.trim() === '' || !Number.isFinite(number)) return;
    const { scored } = this.#bins;
    const rule = /** @type {Rule} */ (this.#rule.value);
    if (rule === 'threshold') this.#move(number);
    else this.#move(this.#bins.scoreOf(rule === 'top' ? (scored * number) / 100 : number));
    this.#roughly();
    this.#restSoon();
  }

  /**
   * Another rule for the same line; another state or something to compare with is another page.
   * @param {Event} event
   */
  #choose(event) {
    if (event.target === this.#rule) this.#drag(this.#score);
    else if (event.target !== this.#value) this.#form.requestSubmit();
  }

  /** @param {SubmitEvent} event */
  #submit(event) {
    // The button: the line is there already, or soon is.
    if (event.submitter === null) return;
    event.preventDefault();
    this.#settle();
  }

  /** @param {number} score */
  #move(score) {
    this.#score = this.#bins.within(score);
    const { low, high } = this.#bins;
    const place = `${(100 * (this.#score - low)) / (high - low)}%`;
    this.#handle.style.left = place;
    this.querySelector('.out')?.setAttribute('width', place);
    for (const end of ['x1', 'x2']) this.querySelector('.cut')?.setAttribute(end, place);
    this.#announce(this.#bins.members(this.#score));
  }

  /** @param {number} members */
  #announce(members) {
    const share = percent(members / this.#bins.scored);
    this.#handle.setAttribute('aria-valuenow', this.#score.toFixed(4));
    const text = `score ${this.#score.toFixed(4)}, the best ${share}, ${COUNT.format(members)} pairs`;
    this.#handle.setAttribute('aria-valuetext', text);
  }

  /** Figures from the bins. */
  #roughly() {
    const members = this.#bins.members(this.#score);
    this.#figures.classList.add('rough');
    this.#say('threshold', `≈ ${this.#score.toFixed(4)}`);
    this.#say('ties', '');
    this.#say('members', `≈ ${COUNT.format(members)}`);
    this.#say('share', `≈ ${percent(members / this.#bins.scored)}`);
    const shared = this.#bins.shared(this.#score);
    if (shared !== null) {
      this.#say('shared', `≈ ${COUNT.format(shared)}`);
      this.#say('share_of_cut', members > 0 ? `≈ ${percent(shared / members)}` : 'none');
    }
  }

  get #figures() {
    return /** @type {HTMLElement} */ (this.querySelector('.figures'));
  }

  #restSoon() {
    this.#asked++;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#settle(), REST_MS);
  }

  /** What the form asks for, exactly, and the pairs there. */
  async #settle() {
    clearTimeout(this.#timer);
    const asked = ++this.#asked;
    const query = String(new URLSearchParams(/** @type {any} */ (new FormData(this.#form))));
    try {
      const told = await (await get(`${this.dataset.line}?${query}`)).json();
      if (asked !== this.#asked) return;
      this.#tell(told);
      if (told.fault !== undefined) return;
      history.replaceState(history.state, '', `?${query}`);
      const pairs = await (await get(`${this.dataset.pairs}?${query}`)).text();
      if (asked === this.#asked) show(pairs);
    } catch {
      if (asked === this.#asked) this.#fault('The server did not answer. Try again.');
    }
  }

  /** @param {Told} told */
  #tell(told) {
    this.#fault(told.fault ?? '');
    if (told.fault !== undefined) return;
    this.#figures.classList.remove('rough');
    this.#move(told.threshold);
    this.#announce(told.members);
    this.#say('threshold', told.threshold.toFixed(6));
    this.#say('ties', `${COUNT.format(told.ties)} at it`);
    this.#say('members', COUNT.format(told.members));
    this.#say('share', percent(told.members / told.scored));
    if (told.shared !== null) this.#say('shared', COUNT.format(told.shared));
    for (const name of /** @type {const} */ (['share_of_cut', 'share_of_other'])) {
      const value = told[name];
      this.#say(name, value === null ? 'none' : percent(value));
    }
    this.#say('cut', `${COUNT.format(told.members)} members`);
    if (told.command) this.#say('command', told.command);
    const kept = new FormData(this.#form);
    for (const field of document.querySelectorAll('input[data-of]')) {
      const input = /** @type {HTMLInputElement} */ (field);
      input.value = String(kept.get(input.dataset.of ?? '') ?? '');
    }
  }

  /** @param {string} text */
  #fault(text) {
    const place = document.getElementById('fault');
    if (place === null) return;
    place.textContent = text;
    place.hidden = text === '';
  }

  /**
   * @param {string} name
   * @param {string} text
   */
  #say(name, text) {
    const place = document.querySelector(`[data-said="${name}"]`);
    if (place !== null && place.textContent !== text) place.textContent = text;
  }
}

/** @param {number} share */
function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}

/**
 * @param {string} address
 * @returns {Promise<Response>} a piece of the page
 */
async function get(address) {
  const answer = await fetch(address, { headers: { 'HX-Request': 'true' } });
  if (!answer.ok) throw new Error(`status ${answer.status}`);
  return answer;
}

/** @param {string} html of the server's own, with every text in it escaped */
function show(html) {
  const place = document.getElementById('pairs');
  if (place === null) return;
  place.innerHTML = html;
  /** @type {any} */ (window).htmx?.process(place);
}

customElements.define('dva-cutline', CutLine);
