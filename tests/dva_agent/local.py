"""A real engine over files of this machine."""

from __future__ import annotations

from pathlib import Path

from dva_agent.bundle import Manifest
from dva_agent.native.engine import NativeEngine
from dva_agent.protocol import Span


class Files:
    """A Source of files in a folder, and of bytes in memory."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.memory: dict[str, bytes] = {}

    async def fetch(self, url: str, span: Span | None, limit: int) -> bytes:
        name = url.removeprefix("local:")
        body = self.memory[name] if name in self.memory else (self._folder / name).read_bytes()
        return body[span.start : span.start + span.size] if span else body


class LocalEngine(NativeEngine):
    """The native engine of a bundle's folder. `batch_size` may be another than its own."""

    def __init__(self, folder: Path, manifest: Manifest, *, batch_size: int = 16) -> None:
        self.files = Files(folder)
        self._batch_size = batch_size
        super().__init__(manifest=manifest, folder=folder, source=self.files, threads=1)

    @property
    def batch_size(self) -> int:
        return self._batch_size
