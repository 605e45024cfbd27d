"""What the tab and the server hold in memory, in MB (10^6 bytes)."""

from __future__ import annotations

import os

from tests.processes import command_line, descendants, resident_mb
from tests.soak.devtools import DevTools
from tests.soak.tab import AGENT, PIXELS, Tab

_ELEMENTS = "document.getElementsByTagName('*').length"
_WORKERS = (AGENT, PIXELS)
"""The others are onnxruntime's threads, which wait without ever answering."""


def of_tab(tab: Tab) -> dict[str, float]:
    """What JavaScript holds, buffers included, in the page and in the agent's two Workers, and the
    page's elements. Garbage that merely hasn't been collected is no leak: it is collected first.
    WebAssembly's memories, which Pyodide and onnxruntime live in, are in the renderer's only."""
    heap = 0.0
    tab.listen()
    for session in [at for at, address in tab.workers.items() if address.endswith(_WORKERS)]:
        heap += _heap(tab.devtools, session)
    return {
        "page_heap_mb": _heap(tab.devtools, tab.session) / 1e6,
        "workers_heap_mb": heap / 1e6,
        "elements": float(tab.devtools.evaluate(tab.session, _ELEMENTS)),
    }


def _heap(devtools: DevTools, session: str) -> float:
    devtools.send("HeapProfiler.collectGarbage", session)
    usage = devtools.send("Runtime.getHeapUsage", session)
    return float(usage["usedSize"] + usage["backingStorageSize"])


def of_processes() -> dict[str, float]:
    """Resident memory by part, of the Chromium, the server and the auditor that run below this
    process."""
    parts = dict.fromkeys(("renderer_mb", "gpu_mb", "browser_mb", "server_mb", "auditor_mb"), 0.0)
    for process in descendants(os.getpid()):
        command = command_line(process)
        if "/dva serve" in command:
            part = "server_mb"
        elif "-m server audit" in command:
            part = "auditor_mb"
        elif "--type=renderer" in command:
            part = "renderer_mb"
        elif "--type=gpu-process" in command:
            part = "gpu_mb"
        elif "chrom" in command.split(" ")[0] and "--type=" not in command:
            part = "browser_mb"
        else:
            continue
        parts[part] += resident_mb(process)
    return parts
