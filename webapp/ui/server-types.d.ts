// The parts that the page shows of webapp/dva_agent/protocol.py and bundle.py.

export interface PoolStatus {
  pool: string;
  bundle: string;
  bundle_url: string;
  title: string;
  licence: string;
  attribution: string;
  safe: boolean;
  pairs: number;
  bytes: number;
  units: number;
  units_leased: number;
  units_done: number;
  pairs_done: number;
  agent: string;
  columns: import('../engine/wire.js').Column[];
  needs: string[];
  licence_accepted: boolean;
}

export interface Tower {
  path: string;
  data_paths: string[];
}

export interface Manifest {
  name: string;
  weights: string;
  about: string;
  demo: boolean;
  tokenizer: { merges_path: string };
  rungs: Record<string, { image: Tower; text: Tower }>;
  licence: { name: string; url: string; attribution: string; path: string; accepted?: boolean };
  files: { path: string; bytes: number; sha256: string }[];
}
