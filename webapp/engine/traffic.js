// Bytes that really came over the network, as the browser counts them: what comes out of a cache has
// none. A page and each Worker see their own. Of another site's bytes the browser tells only where that
// site lets it (Timing-Allow-Origin, which buckets don't send), so these are counted as they come.

/** Addresses that were answered by another site. @type {Set<string>} */
const elsewhere = new Set();
/** @type {(bytes: number) => void} */
let told = () => {};

/** @param {(bytes: number) => void} tell told now and then of what came since */
export function watchTraffic(tell) {
  told = tell;
  const observer = new PerformanceObserver((list) => {
    const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
    const own = entries.filter(({ name }) => !elsewhere.has(name));
    const bytes = own.reduce((sum, { transferSize }) => sum + transferSize, 0);
    if (bytes > 0) tell(bytes);
  });
  observer.observe({ type: 'resource', buffered: true });
}

/** @param {string} url absolute; from now on its bodies count, not what the browser says of it */
export function watchBodies(url) {
  elsewhere.add(url);
}

/**
 * @param {string} url
 * @param {number} bytes of its body that came
 */
export function countBody(url, bytes) {
  if (elsewhere.has(url)) told(bytes);
}
