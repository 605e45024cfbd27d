import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clock, duration } from '../../webapp/ui/format.js';
import { LANGUAGES, choose } from '../../webapp/ui/language.js';
import { EN } from '../../webapp/ui/text/en.js';
import { CATALOGUES } from '../../webapp/ui/text.js';

const HAN = /\p{Script=Han}/u;
/** The same in every language: names, signs, commands. */
const UNTRANSLATED = ['product', 'noRate', 'demoCommands', 'modelSize', 'poolBy'];

/**
 * Every text in a catalogue, with its place.
 * @param {unknown} value
 * @param {string} [place]
 * @returns {[place: string, kind: string, text: unknown][]}
 */
function entries(value, place = '') {
  if (value === null || typeof value !== 'object') return [[place, typeof value, value]];
  return Object.entries(value).flatMap(([key, inner]) => entries(inner, place === '' ? key : `${place}.${key}`));
}

const others = Object.entries(CATALOGUES).filter(([tag]) => tag !== 'en');

test('each language has a catalogue, and each catalogue every entry', () => {
  assert.deepEqual(Object.keys(CATALOGUES), LANGUAGES);
  const wanted = entries(EN).map(([place, kind]) => [place, kind]);
  for (const [tag, catalogue] of others) {
    assert.deepEqual(new Map(entries(catalogue).map(([place, kind]) => [place, kind])), new Map(
      /** @type {[string, string][]} */ (wanted)), tag);
  }
});

test('no entry was forgotten in English', () => {
  const english = new Map(entries(EN).map(([place, , text]) => [place, text]));
  for (const [, catalogue] of others) {
    const same = entries(catalogue).filter(([place, kind, text]) =>
      kind === 'string' && text !== '' && english.get(place) === text && !UNTRANSLATED.includes(place.split('.')[0]));
    assert.deepEqual(same, []);
  }
  const chinese = entries(CATALOGUES.zh).filter(([place, kind]) => kind === 'string' && !place.startsWith('demoCommands'));
  const foreign = chinese.filter(([place, , text]) => text !== '' && !HAN.test(String(text)) && !UNTRANSLATED.includes(place));
  assert.deepEqual(foreign, []);
});

test('the best language that is here is chosen', () => {
  assert.equal(choose([null, null, 'de', 'zh-TW', 'en']), 'zh');
  assert.equal(choose(['EN-gb', 'zh']), 'en');
  assert.equal(choose(['__proto__', 'xx']), 'en');
  assert.equal(choose([]), 'en');
});

test('times are told in the page\'s language', () => {
  assert.equal(duration(5400, 'zh'), '1.5 小时');
  assert.equal(duration(5, 'zh'), '5 秒');
  const now = new Date(2026, 0, 5, 12);
  assert.equal(clock(new Date(2026, 0, 5, 22), 'en', now), '22:00');
  assert.match(clock(new Date(2026, 0, 6, 7, 30), 'en', now), /Tue.*07:30/);
  assert.match(clock(new Date(2026, 0, 6, 7, 30), 'zh', now), /周二.*07:30/);
});

test('who else is contacted is named', () => {
  const { stored } = EN;
  assert.match(stored('', ''), /no other site is contacted\.$/);
  assert.match(stored('a.example', ''), /contacted but a\.example, for the model\.$/);
  assert.match(stored('', 'b.example'), /contacted but b\.example, for the pictures\.$/);
  assert.match(stored('a.example', 'b.example'), /but a\.example, for the model, and b\.example, for the pictures\.$/);
  assert.match(CATALOGUES.zh.stored('a.example', 'b.example'), /除了从 a\.example 下载模型、从 b\.example 下载图片之外，不连接其他网站。$/);
  assert.match(CATALOGUES.zh.stored('', ''), /Cookie，不连接其他网站。$/);
});
