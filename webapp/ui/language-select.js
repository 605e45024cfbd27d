// <dva-language>: the page's language, chosen.

import { make } from './dom.js';
import { LANGUAGE, keep } from './language.js';
import { CATALOGUES, TEXT } from './text.js';

export class LanguageElement extends HTMLElement {
  connectedCallback() {
    if (this.firstChild !== null) return;
    const select = make('select', { 'aria-label': TEXT.chooseLanguage });
    for (const [tag, { language }] of Object.entries(CATALOGUES)) {
      select.append(make('option', { value: tag, lang: tag }, language));
    }
    select.value = LANGUAGE;
    select.addEventListener('change', () => {
      keep(select.value);
      // The address must not overrule the choice; the run goes on by itself.
      const address = new URL(location.href);
      address.searchParams.delete('lang');
      if (address.href === location.href) location.reload();
      else location.replace(address);
    });
    this.append(select);
  }
}
