// Bytes that really came over the network, as the browser counts them: what comes out of a cache has
// none. A page and each Worker see their own.

/** @param {(bytes: number) => void} tell told now and then of what came since */
export function watchTraffic(tell) {
  const observer = new PerformanceObserver((list) => {
    const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
    const bytes = entries.reduce((sum, { transferSize }) => sum + transferSize, 0);
    if (bytes > 0) tell(bytes);
  });
  observer.observe({ type: 'resource', buffered: true });
}
