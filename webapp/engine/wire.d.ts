// What the page and the agent's Worker say to each other. Events are those of
// webapp/dva_agent/events.py, as JSON makes them.

import type { Signing } from '../identity/identity.js';
import type { Progress } from './model-files.js';

export interface Device {
  device: string;
  token: string;
}

export interface Config {
  server: string;
  pool: string | null;
  rungs: string[];
  /** Whether a graphics card that the processor imitates will do. */
  allowSoftware: boolean;
  platform: string;
  /** As protocol messages name it: `Browser` of webapp/dva_agent/readiness.py. */
  browser: 'chromium' | 'firefox' | 'safari' | 'other';
  untilDrained: boolean;
  share: number;
}

export type ToWorker =
  | { kind: 'start'; config: Config; signing: Signing }
  | { kind: 'pause' }
  | { kind: 'resume' }
  | { kind: 'pace'; share: number }
  | { kind: 'stop'; finish: boolean };

/** One of the numbers that an agent gives each pair; with labels, the index of one of them. */
export interface Column {
  name: string;
  minimum: number;
  maximum: number;
  labels: string[];
}

export interface SeenPair {
  index: number;
  uid: string;
  caption: string;
  ids: number[];
  status: number;
  score: number | null;
  values: number[];
  image: [start: number, size: number] | null;
}

export type RunState =
  | 'starting'
  | 'testing'
  | 'running'
  | 'waiting'
  | 'paused'
  | 'stopping'
  | 'drained'
  | 'stopped';

export interface Problem {
  code: string;
  message: string;
  nextStep: string;
  where: string;
  retryInS?: number | null;
}

export type AgentEvent =
  | { kind: 'state'; state: RunState }
  | ({ kind: 'problem' } & Problem)
  | { kind: 'recovered' }
  | { kind: 'fatal'; code: string; message: string; nextStep: string }
  | {
      kind: 'rung';
      bundle: string;
      rung: string;
      chosen: boolean;
      deviceClass: string;
      code: string;
      message: string;
      nextStep: string;
    }
  | {
      kind: 'self_test';
      bundle: string;
      rung: string;
      deviceClass: string;
      pairs: number;
      scoreDifference: number;
      embeddingDifference: number;
      scoreTolerance: number;
      embeddingTolerance: number;
      seconds: number;
    }
  | { kind: 'unit_started'; unit: string; lease: string; pool: string; pairs: number; bytes: number }
  | {
      kind: 'unit_finished';
      unit: string;
      lease: string;
      pool: string;
      pairs: number;
      pairsScored: number;
      bytes: number;
      seconds: number;
    }
  | {
      kind: 'unit_dropped';
      unit: string;
      lease: string;
      abandoned: boolean;
      code: string;
      message: string;
      nextStep: string;
    }
  | { kind: 'held'; leases: string[] }
  | { kind: 'waiting'; reason: string; seconds: number };

/** A pair for the live feed, with its picture's bytes, in the order scored. */
export interface ShownPair {
  uid: string;
  unit: string;
  pool: string;
  bundle: string;
  caption: string;
  /** Of tokens, from start to end of text; empty if the caption has none. */
  ids: number[];
  status: number;
  score: number | null;
  agent: string;
  columns: Column[];
  values: number[];
  picture: Uint8Array<ArrayBuffer> | null;
}

/** A batch as it was done: `pairs` in all, the first column's value of those that have one, some to look at. */
export interface SeenBatch {
  kind: 'seen';
  pool: string;
  bundle: string;
  columns: Column[];
  pairs: number;
  scores: Float32Array<ArrayBuffer>;
  shown: ShownPair[];
}

export type FromWorker =
  | { kind: 'event'; event: AgentEvent }
  | { kind: 'booting' }
  | { kind: 'booted'; seconds: number }
  | { kind: 'download'; progress: Progress }
  | SeenBatch
  | { kind: 'device'; device: Device }
  /** Over the network, since the last such message. */
  | { kind: 'transferred'; bytes: number }
  | { kind: 'ended'; reason: string }
  | { kind: 'failed'; code: string; message: string };
