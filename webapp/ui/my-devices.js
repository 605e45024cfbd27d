// The devices of an account, as a list.

import { make } from './dom.js';
import { day } from './format.js';
import { TEXT } from './text.js';

/** @typedef {import('./server-types.js').MyDevice} MyDevice */

/**
 * @param {readonly MyDevice[]} devices
 * @param {(device: MyDevice) => void} revoke
 * @returns {HTMLElement[]} this one first, those that are let in no more last
 */
export function deviceItems(devices, revoke) {
  const rank = (/** @type {MyDevice} */ device) => (device.this ? 0 : device.revoked ? 2 : 1);
  return devices.toSorted((a, b) => rank(a) - rank(b)).map((device) => item(device, revoke));
}

/**
 * @param {MyDevice} device
 * @param {(device: MyDevice) => void} revoke
 */
function item(device, revoke) {
  const { platform, device_class: name, created_at: since, last_seen_at: last, this: isThis, revoked, quarantined } = device;
  const held = quarantined ? [TEXT.deviceQuarantined] : [];
  const facts = [...held, TEXT.devicePlatform(platform), TEXT.deviceSeen(day(new Date(since)), day(new Date(last)))];
  const told = make(
    'div', {},
    make('p', { class: 'device-name' }, name === '' ? TEXT.deviceNameless : name, ...(isThis ? [mark(TEXT.deviceThis)] : [])),
    make('p', { class: 'hint' }, facts.join(' · ')),
  );
  if (revoked) return make('li', { class: 'revoked' }, told, make('span', { class: 'hint' }, TEXT.deviceRevoked));
  if (isThis) return make('li', {}, told);
  const label = `${TEXT.revoke}: ${name}, ${facts.join(', ')}`;
  const button = make('button', { type: 'button', class: 'button small', 'aria-label': label }, TEXT.revoke);
  button.addEventListener('click', () => revoke(device));
  return make('li', {}, told, button);
}

/** @param {string} text */
function mark(text) {
  return make('span', { class: 'mark' }, text);
}
