// Pyodide, from our own server, with the agent's wheels and nothing else.

// Its own address, not one below this module's: it outlasts many editions of the page.
const HOME = new URL('/static/app/pyodide/', import.meta.url).href;

/** @typedef {import('pyodide').PyodideAPI} Pyodide */

/** @returns {Promise<Pyodide>} with `dva_agent` ready to be imported */
export async function bootPython() {
  /** @type {typeof import('pyodide')} */
  const { loadPyodide } = await import(`${HOME}pyodide.mjs`);
  return loadPyodide({
    // Without it, Pyodide would ask a content delivery network.
    indexURL: HOME,
    packages: ['dva-agent'],
  });
}
