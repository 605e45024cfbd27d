// TypeScript's "dom" and "webworker" libraries exclude each other; this is the little that our
// Workers use of the second.

interface DedicatedWorkerGlobalScope extends EventTarget {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown, transfer?: Transferable[]): void;
  close(): void;
  readonly location: WorkerLocation;
  readonly navigator: Navigator;
}

interface WorkerLocation {
  readonly origin: string;
  readonly href: string;
}

interface FileSystemSyncAccessHandle {
  read(buffer: AllowSharedBufferSource, options?: { at?: number }): number;
  write(buffer: AllowSharedBufferSource, options?: { at?: number }): number;
  truncate(size: number): void;
  getSize(): number;
  flush(): void;
  close(): void;
}

interface FileSystemFileHandle {
  createSyncAccessHandle(): Promise<FileSystemSyncAccessHandle>;
}
