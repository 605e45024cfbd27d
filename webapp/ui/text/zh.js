// What ./en.js says, in Chinese (simplified).

import { EN } from './en.js';
import { LIVE } from './zh-live.js';

/** @type {import('../text.js').Text} */
export const ZH = Object.freeze({
  ...EN,
  ...LIVE,
  language: '中文',
});
