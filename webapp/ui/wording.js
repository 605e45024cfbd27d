// What to say of something that went wrong.

import { OTHER_PHRASE } from './account.js';
import { Refusal } from './refusal.js';
import { TEXT } from './text.js';

/**
 * @param {unknown} error
 * @returns {string}
 */
export function wordsFor(error) {
  if (!(error instanceof Refusal)) return TEXT.youFailed(String(error));
  if (error.code === OTHER_PHRASE) return TEXT.otherPhrase;
  // The catalogue's words for that are about the server's messages; this one was ours.
  const known = error.code === 'message_invalid' ? null : TEXT.failure(error.code);
  return known?.join(' ') ?? TEXT.youFailed(error.message);
}
