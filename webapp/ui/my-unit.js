// A unit in the list of one's own work.

import { make } from './dom.js';
import { clock, operations } from './format.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').WorkedUnit} WorkedUnit */

/** @param {WorkedUnit} unit */
export function unitItem({ unit, pool, posted_at, pairs, credits, state, reason, awaits }) {
  const posted = new Date(posted_at);
  const when = make('time', { datetime: posted_at }, clock(posted));
  const earns = [TEXT.pairs(pairs), ...(credits == null ? [] : [operations(credits)])].join(' · ');
  const why = [TEXT.workReason(reason), awaits == null ? '' : TEXT.workAwaits(awaits)].filter(Boolean).join(' ');
  return make(
    'li',
    { 'data-state': state },
    make('div', { class: 'head' }, make('strong', {}, TEXT.workState[state]), make('span', {}, `${pool} ${unit}`), when),
    make('p', { class: 'hint' }, earns),
    make('p', {}, why),
  );
}
