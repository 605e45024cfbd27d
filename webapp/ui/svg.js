// Makes SVG elements for charts. Bars and lines are placed in per cent, text in pixels, so a chart fills
// whatever room it has and its words keep their size.

const NAMESPACE = 'http://www.w3.org/2000/svg';

/**
 * @template {keyof SVGElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {(Node | string)[]} children
 * @returns {SVGElementTagNameMap[K]}
 */
export function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(NAMESPACE, tag);
  place(element, attributes);
  element.append(...children);
  return element;
}

/**
 * Sets what is another: nothing to paint again.
 * @param {SVGElement} element
 * @param {Record<string, string | number>} attributes
 */
export function place(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    const text = String(value);
    if (element.getAttribute(name) !== text) element.setAttribute(name, text);
  }
}

/** @param {number} share in [0, 1] */
export function percent(share) {
  return `${Number((share * 100).toFixed(3))}%`;
}
