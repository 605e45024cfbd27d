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
  hosts: string[];
}

export interface Amount {
  credits: number;
  pairs: number;
}

export interface Credit {
  contributor: string;
  pending: Amount;
  pending_units: number;
  confirmed: Amount;
  forfeited: Amount;
  revoked: Amount;
  payout?: string | null;
}

/** Kept as a file, it is checked by `dva epoch verify`. */
export interface CreditProof {
  epoch: number;
  closed_at: string;
}

export interface WorkedUnit {
  result: number;
  unit: string;
  pool: string;
  posted_at: string;
  pairs: number;
  credits: number | null;
  state: 'pending' | 'confirmed' | 'forfeited' | 'revoked';
  reason: string;
  awaits?: string | null;
}

export interface Work {
  units: WorkedUnit[];
  next?: number | null;
}

export interface MyDevice {
  device: string;
  platform: string;
  /** Empty: it was forgotten. */
  device_class: string;
  created_at: string;
  last_seen_at: string;
  /** Whether it asks. */
  this: boolean;
  revoked: boolean;
  quarantined: boolean;
}

export interface Me {
  contributor: string;
  display_name: string | null;
  state: string;
  devices: MyDevice[];
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
