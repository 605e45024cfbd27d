// Leases, as far as the page itself has to do with them.

const LEASES = '/api/v1/leases';

/**
 * Gives leases back, in requests that outlive the page.
 * @param {readonly string[]} leases
 * @param {string} token of the device that holds them
 */
export function giveBack(leases, token) {
  const headers = { authorization: `Bearer ${token}` };
  for (const lease of leases) {
    fetch(`${LEASES}/${lease}/abandon`, { method: 'POST', headers, keepalive: true }).catch(() => {
      // The page is going away. The lease ends by its deadline then.
    });
  }
}
