// The overview's figures and charts, renewed every ten seconds: uPlot draws in place of the server's
// bars what /admin/history tells. Not while the page is hidden, and not after "Stop updating".

import { cell, chartData, clock, day, latest, moment } from './series.js';

/** @typedef {import('./series.js').History} History */

const EVERY_MS = 10_000;
const DAY_S = 86_400;
/** Of the server's chart and the caption below it, together. */
const HEIGHT = 156;
/** Between the marks of an axis that counts. */
const STEPS = Array.from({ length: 36 }, (_, place) => [1, 2, 5][place % 3] * 10 ** Math.floor(place / 3));

/** @type {typeof import('uplot')} */
const Plot = /** @type {any} */ (globalThis).uPlot;

/** One of the page's charts. */
class Chart {
  /** @param {HTMLElement} figure */
  constructor(figure) {
    this.figure = figure;
    this.keys = (figure.dataset.lines ?? '').trim().split(' ');
    this.said = /** @type {HTMLElement} */ (figure.querySelector('.latest'));
    this.labels = (this.said.dataset.labels ?? '').split(';').filter(Boolean);
    this.place = /** @type {HTMLElement} */ (figure.querySelector('.canvas'));
    /** @type {uPlot | null} */
    this.plot = null;
    /** @type {History | null} */
    this.found = null;
  }

  /** @param {History} found */
  show(found) {
    this.found = found;
    const data = /** @type {any} */ (chartData(found, this.keys));
    if (this.plot === null) {
      this.figure.classList.add('alive');
      const drawn = document.createElement('div');
      drawn.setAttribute('aria-hidden', 'true');
      this.place.replaceChildren(drawn);
      this.plot = new Plot(this.#options(), data, drawn);
    } else {
      this.plot.setData(data);
    }
    if ((this.plot.cursor.idx ?? null) === null) this.#say(null);
  }

  /** Colours come from the style sheet, which knows whether it is dark. */
  restyle() {
    this.plot?.destroy();
    this.plot = null;
    if (this.found !== null) this.show(this.found);
  }

  resize() {
    const width = this.place.clientWidth;
    if (this.plot !== null && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  /** @param {number | null} index of what the cursor points at; null: the latest */
  #say(index) {
    if (this.found === null) return;
    this.said.textContent = latest(this.found, this.keys, this.labels, index);
  }

  /** @param {string} name of a class @returns {string} its colour, in a form that a canvas takes */
  #colour(name) {
    const probe = document.createElement('span');
    probe.className = name;
    this.place.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }

  /** @returns {{incrs?: number[]}} there is no half a lease, but half a pair a second */
  #steps() {
    return this.keys.includes('pairs_per_s') ? {} : { incrs: STEPS };
  }

  /** @returns {uPlot.Options} */
  #options() {
    const axis = this.#colour('axis');
    const grid = { stroke: this.#colour('rule'), width: 1 };
    const common = { stroke: axis, grid, ticks: { show: false }, font: '12px system-ui, sans-serif' };
    return {
      width: this.place.clientWidth,
      height: HEIGHT,
      padding: [8, 20, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false } },
      tzDate: (at) => Plot.tzDate(new Date(at * 1000), 'Etc/UTC'),
      scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.1 : 1] } },
      axes: [
        {
          ...common,
          size: 24,
          values: (_plot, splits, _axis, _space, stepS) => splits.map((at) => (stepS < DAY_S ? clock(at) : day(at))),
        },
        { ...common, size: 52, space: 36, ...this.#steps(), values: (_plot, splits) => splits.map((value) => cell(value)) },
      ],
      series: [
        {},
        ...this.keys.map((_key, number) => ({
          stroke: this.#colour(`line-${number + 1}`),
          width: 2,
          // Two lines are told apart without their colours, too.
          dash: number === 0 ? [] : [6, 4],
        })),
      ],
      hooks: { setCursor: [(plot) => this.#say(plot.cursor.idx ?? null)] },
    };
  }
}

class Live {
  /** @param {HTMLElement} section */
  constructor(section) {
    this.address = section.dataset.history ?? '';
    this.charts = [...section.querySelectorAll('figure.plot')].map((each) => new Chart(/** @type {HTMLElement} */ (each)));
    this.rows = /** @type {HTMLElement} */ (section.querySelector('[data-rows]'));
    this.state = /** @type {HTMLElement} */ (section.querySelector('[data-state]'));
    this.button = /** @type {HTMLButtonElement} */ (section.querySelector('[data-pause]'));
    this.isPaused = false;
    this.timer = 0;
    this.button.hidden = false;
    this.button.addEventListener('click', () => this.#toggle());
    document.addEventListener('visibilitychange', () => this.#go());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      for (const chart of this.charts) chart.restyle();
    });
    const observer = new ResizeObserver(() => {
      for (const chart of this.charts) chart.resize();
    });
    for (const chart of this.charts) observer.observe(chart.place);
    this.#go();
  }

  #toggle() {
    this.isPaused = !this.isPaused;
    this.button.textContent = this.isPaused ? 'Go on updating' : 'Stop updating';
    this.#go();
  }

  #go() {
    clearTimeout(this.timer);
    if (!this.isPaused && !document.hidden) this.#renew();
  }

  async #renew() {
    const isOver = await this.#ask();
    clearTimeout(this.timer);
    if (!isOver && !this.isPaused && !document.hidden) {
      this.timer = window.setTimeout(() => this.#renew(), EVERY_MS);
    }
  }

  /** @returns {Promise<boolean>} whether there is no use in asking again */
  async #ask() {
    try {
      const answer = await fetch(this.address, { redirect: 'manual', cache: 'no-store' });
      if (answer.type === 'opaqueredirect') {
        this.state.textContent = 'You are signed out: load the page anew.';
        return true;
      }
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.#show(await answer.json());
      this.state.textContent = '';
    } catch (error) {
      console.warn('The figures could not be renewed:', error);
      this.state.textContent = 'The server does not answer; trying again.';
    }
    return false;
  }

  /** @param {History} found */
  #show(found) {
    for (const chart of this.charts) chart.show(found);
    for (const { key, value, note } of found.figures) {
      put(`[data-figure="${key}"]`, value);
      put(`[data-note="${key}"]`, note);
    }
    for (const [pool, left] of Object.entries(found.left)) put(`[data-left="${pool}"]`, left);
    const keys = (this.rows.dataset.rows ?? '').trim().split(' ');
    const rows = found.starts.map((start, index) => {
      const row = document.createElement('tr');
      const head = document.createElement('th');
      head.scope = 'row';
      head.textContent = moment(start, found.period_s);
      row.append(head, ...keys.map((key) => number(found.lines[key][index])));
      return row;
    });
    this.rows.replaceChildren(...rows.reverse());
  }
}

/** @param {number | null} value */
function number(value) {
  const made = document.createElement('td');
  made.className = 'number';
  made.textContent = cell(value);
  return made;
}

/**
 * Only what is another text: what stays is left alone.
 * @param {string} selector
 * @param {string} text
 */
function put(selector, text) {
  const found = document.querySelector(selector);
  if (found !== null && found.textContent !== text) found.textContent = text;
}

for (const section of document.querySelectorAll('[data-history]')) new Live(/** @type {HTMLElement} */ (section));
