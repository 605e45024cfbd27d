// What ./en-agents.js says, in Chinese (simplified).

import { decimal } from '../format.js';

/** @typedef {typeof import('./en-agents.js').AGENTS} English */

/** @type {Readonly<Record<string, string>>} */
const AGENT = Object.freeze({
  dva: '衡量每条文字说明与图片的相符程度。',
  'caption-statistics': '统计文字说明本身：有多长、字母占多少、像是哪种语言。',
});

/** @type {Readonly<Record<string, string>>} */
const COLUMN = Object.freeze({
  score: '分数',
  letters: '字母占比',
  characters: '字符数',
  words: '词数',
  tokens: '词元数',
  language: '语言',
});

const UNSURE = '不确定';
const ofScript = (/** @type {string} */ script) => `某种${script}`;
const LANGUAGES = new Intl.DisplayNames('zh', { type: 'language' });
const SCRIPTS = new Intl.DisplayNames('zh', { type: 'script' });

/** @param {string} tag of BCP 47 */
function language(tag) {
  const [name, script] = tag.split('-');
  if (name !== 'und') return LANGUAGES.of(tag) ?? tag;
  return script === undefined ? UNSURE : ofScript(SCRIPTS.of(script) ?? script);
}

/** @type {{[K in keyof English]: English[K] extends string ? string : English[K]}} */
export const AGENTS = Object.freeze({
  agent: (name) => (Object.hasOwn(AGENT, name) ? AGENT[name] : `任务程序：${name}`),
  column: (name) => (Object.hasOwn(COLUMN, name) ? COLUMN[name] : name),
  label: (column, label) => (column === 'language' ? language(label) : label),
  share: (share) => `${decimal(share * 100, 1)}%`,

  consentDataCaptions: (program) => `首次约 ${program} 的程序，之后只下载文字说明，不下载图片。您可以设置每日上限。`,
  modelNotNeeded: '没有模型',
  modelNotNeededText: '这个数据池的工作不需要模型，不会为它下载任何东西。',
  whereNoTest: '不需要：没有模型，也就没有可能算错的地方',
  whereImagesUnused: '不需要：这项工作只读文字说明',
});
