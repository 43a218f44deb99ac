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
  // store
  // gossip
  // mcp, sessions, gateway
  // api, operator
  // devcluster
  // sidecar, cli
} satisfies Record<string, Requirement>;

export type RequirementId = keyof typeof rows;
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = rows;

/** The name of a test that proves the requirement `id`. */
export function verifies(id: RequirementId): string {
  return `[${String(id)}] ${(rows as Record<string, Requirement>)[id]?.sentence}`;
}
