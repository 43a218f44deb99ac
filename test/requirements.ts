/**
 * Every guarantee the project makes, as data. A test cites one with `verifies(id)` as its name; `tidy.test.ts` fails for
 * a row that no test cites. Add the row first, then the test that fails, then the code.
 */
export interface Requirement {
  /** One sentence a user could hold us to. */
  readonly sentence: string;
  /** Where the guarantee comes from: a specification page, a paper's section, a fact, or `design`. */
  readonly source: string;
}

const rows = {
  // std, host, telemetry, security
  'security.mtls.same-authority': {
    sentence:
      'Two processes with certificates of one cluster authority connect by mutual TLS and see the cluster id',
    source: 'design: identity',
  },
  'security.mtls.foreign-authority': {
    sentence:
      'A certificate of another authority is refused by both ends, even under the same name',
    source: 'design: identity',
  },
  'security.tls.reload': {
    sentence: 'A rotated certificate in a mounted Secret is in force without a restart',
    source: 'design: identity',
  },
  // kube
  // rpc, raft
  'rpc.members-only': {
    sentence:
      'Only a peer with a certificate of our authority and our cluster id can call, and only such a server is called',
    source: 'design',
  },
  'rpc.refused-is-told-at-once': {
    sentence:
      'A broken connection and a refused one are reported at once, and the address is asked for again',
    source: 'design',
  },
  'rpc.plain-http-on-the-same-port': {
    sentence: 'The cluster port answers plain HTTP only where a handler for it is given',
    source: 'design',
  },
  'rpc.stalled-peer-is-bounded': {
    sentence: 'A peer that stops reading costs a bounded amount of memory',
    source: 'design',
  },
  'rpc.dead-peer-is-noticed': {
    sentence: 'A peer that vanished without closing its connection is noticed by keep-alive',
    source: 'design',
  },
  'rpc.generated-is-current': {
    sentence: 'Generated RPC code is what the proto files say',
    source: 'design',
  },
  // store
  'store.compare-and-swap': {
    sentence:
      'Of concurrent compare-and-swaps on one key exactly one wins, and its mod revision is the fencing token.',
    source: 'ARCHITECTURE: the store is the only state machine; etcd Txn',
  },
  'store.retry-applies-once': {
    sentence: 'A write that is retried after a lost answer applies exactly once.',
    source: 'design: proposal ids in a window that every node forgets alike',
  },
  'store.unknown-version-refused': {
    sentence: 'A command of an unknown version stops the node and is never skipped.',
    source: 'design: a skipped command would let replicas drift apart',
  },
  // gossip
  // mcp, sessions, gateway
  // api, operator
  'api.generated': {
    sentence: 'The committed CRD and manifests are exactly what the source generates',
    source: 'design',
  },
  // devcluster
  // sidecar, cli
} satisfies Record<string, Requirement>;

export type RequirementId = keyof typeof rows;
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = rows;

/** The name of a test that proves the requirement `id`. */
export function verifies(id: RequirementId): string {
  return `[${String(id)}] ${(rows as Record<string, Requirement>)[id]?.sentence}`;
}
