// What ./en.js says, in Chinese (simplified).

import { EN } from './en.js';

/** @type {import('../text.js').Text} */
export const ZH = Object.freeze({
  ...EN,
  language: '中文',
});
