// Compiles every .py in the archives of a folder to bytecode, stored without compression, with
// pyodide-build's own py-compile. Bytecode belongs to one Python version, so this runs inside the
// very Pyodide that the tab loads:
//
//     node webapp/pyodide/compile.mjs PYODIDE FOLDER TOOLS
//
// PYODIDE is npm's pyodide folder, FOLDER holds *.zip, *.whl and a pyodide-lock.json whose names and
// hashes are brought up to date, TOOLS holds the wheels of pyodide-build and what it imports.

import { readdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { argv } from 'node:process';
import { pathToFileURL } from 'node:url';

const [home, folder, tools] = argv.slice(2, 5).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(`${home}/pyodide.mjs`).href);
const python = await loadPyodide({ indexURL: `${home}/` });
python.mountNodeFS('/folder', folder);
python.mountNodeFS('/tools', tools);
const wheels = (await readdir(tools)).filter((name) => name.endsWith('.whl'));
python.globals.set('wheels', wheels.map((name) => `/tools/${name}`).join('\n'));
python.runPython(`
import sys
from pathlib import Path
sys.path.extend(wheels.split("\\n"))
from pyodide_build._py_compile import _py_compile_archive_dir
_py_compile_archive_dir(Path("/folder"), keep=False, verbose=False, compression_level=0)
`);
