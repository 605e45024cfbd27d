// Which of the server's pools the page speaks of, and whose pictures anybody may see.

/** @typedef {import('./server-types.js').PoolStatus} PoolStatus */

/**
 * The pool that the page's panels show.
 * @param {readonly PoolStatus[]} pools
 * @param {string | null} wanted the only one this page works on, if it was told
 * @param {string | null} worked the one whose unit was begun last
 * @returns {PoolStatus | null} before a unit is begun: the first that isn't done, as the server hands them
 *   out; what it doesn't hand out comes last
 */
export function poolAtWork(pools, wanted, worked) {
  const eligible = pools.filter(({ pool }) => wanted === null || pool === wanted);
  return (
    eligible.find(({ pool }) => pool === worked) ??
    eligible.find(({ units, units_done, licence_accepted }) => licence_accepted && units_done < units) ??
    eligible.find(({ units, units_done }) => units_done < units) ??
    eligible[0] ??
    null
  );
}

/**
 * Whether the pool's agent computes with the pool's model.
 * @param {PoolStatus} pool
 */
export function needsModel({ needs }) {
  return needs.includes('model');
}

/**
 * @param {readonly PoolStatus[]} pools
 * @returns {ReadonlySet<string>} those whose pictures may be shown to anybody; of others, nothing is known
 */
export function safePools(pools) {
  return new Set(pools.filter(({ safe }) => safe === true).map(({ pool }) => pool));
}
