/** The words of routing: owners, members, refusals and reasons to take a session over. */

/** A pod and the incarnation of its process: a restarted pod is another owner. */
export interface Owner {
  readonly node: string;
  readonly instance: string;
}

/** A pod as the cluster sees it now. */
export interface Member extends Owner {
  /** Takes new work: alive, its MCP server answers, not draining. */
  readonly ready: boolean;
  /** 0 = idle; only compared between members. */
  readonly load: number;
  /** Its share of the work as the pod says; absent: as the resource says. */
  readonly weight?: number;
  /** Labels that tools may need. */
  readonly capabilities?: readonly string[];
  readonly resources?: Resources;
  /** Where its gateway listens for other gateways; the name is resolved at each connection. */
  readonly peer: { readonly host: string; readonly port: number; readonly serverName?: string };
}

/** How much of a pod is in use, as it tells the others. */
export interface Resources {
  /** 0..1 of what it may use. */
  readonly cpu: number;
  readonly memory: number;
  /** How late its event loop is. */
  readonly loopDelayMs: number;
}

/**
 * May a session of this owner be taken over? `gone`: its process has proven dead, or its lease has expired. `unsure`: it
 * does not answer, but may still serve; wait.
 */
export type OwnerState = 'alive' | 'unsure' | 'gone';

/** Why an owner does not answer, and so what the front may do next. */
export type RefusalCode =
  | 'not-owner'
  | 'claim-lost'
  | 'lease-lost'
  | 'draining'
  | 'backend-lost'
  | 'backend-down'
  | 'request-lost'
  | 'session-ended'
  | 'unreachable'
  | 'wrong-era';

/** Why a session changes its owner. */
export type ClaimReason =
  'owner-gone' | 'owner-refused' | 'owner-draining' | 'backend-lost' | 'capability';
