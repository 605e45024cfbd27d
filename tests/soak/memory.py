"""What the tab and the server hold in memory, in MB (10^6 bytes)."""

from __future__ import annotations

import os

from playwright.sync_api import Page

from tests.processes import command_line, descendants, resident_mb

CHROMIUM_FLAGS = ("--js-flags=--expose-gc", "--enable-precise-memory-info")
"""Garbage that merely hasn't been collected is no leak: each sample collects first."""

_COLLECT = "() => { self.gc?.(); }"
_HEAP = "() => performance.memory.usedJSHeapSize / 1e6"
_ELEMENTS = "() => document.getElementsByTagName('*').length"


def of_page(page: Page) -> dict[str, float]:
    """The page's JavaScript heap and its elements. What Workers hold, WebAssembly's and Python's
    memory included, is in the renderer's: they aren't asked, for some of them are onnxruntime's
    threads, which wait without ever answering."""
    page.evaluate(_COLLECT)
    return {"page_heap_mb": page.evaluate(_HEAP), "elements": page.evaluate(_ELEMENTS)}


def of_processes() -> dict[str, float]:
    """Resident memory by part, of the Chromium and the server that run below this process."""
    parts = {"renderer_mb": 0.0, "gpu_mb": 0.0, "browser_mb": 0.0, "server_mb": 0.0}
    for process in descendants(os.getpid()):
        command = command_line(process)
        if "/dva serve" in command:
            part = "server_mb"
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
