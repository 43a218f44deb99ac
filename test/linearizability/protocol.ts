/** What clients and faults say to a member over its control port: one JSON object a line, answered by `id`. */
import type { TlsMaterial } from '../../src/security/index.ts';
import type { TxnRequest, TxnResult } from '../../src/store/core/model.ts';

export type Request = { readonly id: number } & (
  | Call
  | { readonly op: 'grant'; readonly ttlMs: number }
  | { readonly op: 'txn'; readonly request: TxnRequest }
  /** `on`: from now on no flush of its log ends. */
  | { readonly op: 'stall-disk'; readonly on: boolean }
  /** Answered when another member leads, or that could not be done. */
  | { readonly op: 'transfer' }
  | { readonly op: 'status' }
);

export type Call = { readonly key: string } & (
  | { readonly op: 'get' | 'delete' }
  | { readonly op: 'put'; readonly value: string }
  | { readonly op: 'cas'; readonly expected: string | null; readonly value: string }
);

/** `refused`: it had no effect and never will. `output`: what was there before. */
export type Answer =
  | { readonly result: 'ok' | 'fail'; readonly output: string | null }
  | { readonly result: 'refused' | 'unknown'; readonly reason: string };

export interface MemberStatus {
  readonly role: string;
  readonly term: number;
}

export type Response = { readonly id: number } & (
  | Answer
  | { readonly status: MemberStatus }
  | { readonly lease: number }
  | { readonly txn: TxnResult }
);

/** Distributes over the members of a union. */
export type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

/** What a member process is started with: the path of this as a JSON file is its only argument. */
export interface MemberConfig {
  readonly id: string;
  readonly voters: readonly string[];
  readonly dataDir: string;
  readonly rpcPort: number;
  readonly controlPort: number;
  /** Where this member dials the others: the ports of its own links. */
  readonly peerPorts: Readonly<Record<string, number>>;
  readonly tls: TlsMaterial;
  readonly reads: 'quorum' | 'lease';
  /** A bug made on purpose: reads answer at once from what this member has applied. */
  readonly staleReads: boolean;
}
