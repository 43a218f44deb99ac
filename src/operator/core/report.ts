/** What the operator knows of one sidecar: its last answer, or why there is none. */

/** A member's own view of itself and of the cluster. */
export interface SidecarStatus {
  readonly nodeId: string;
  readonly role: string;
  readonly leaderId: string;
  readonly term: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  /** Known to the leader only. */
  readonly matchIndexes: readonly {
    readonly id: string;
    readonly matchIndex: number;
    /** The disk by which the leader knows it; empty when they have not met. */
    readonly diskId?: string;
  }[];
  /** Who takes part in the log, as this member knows it. */
  readonly voters?: readonly string[];
  readonly votersOutgoing?: readonly string[];
  readonly learners?: readonly string[];
  /** Its volume: another one is another member. */
  readonly diskId?: string;
  /** The end of its log. */
  readonly lastIndex?: number;
  readonly lastTerm?: number;
  /** What is wrong with its part in the log. */
  readonly problems?: readonly { readonly code: string; readonly message: string }[];
  /** Its certificate; instants are milliseconds since 1970. */
  readonly certificate?: {
    readonly expiresAt: number;
    readonly renewalDueAt: number;
    /** It should have been renewed by now. */
    readonly overdue: boolean;
    /** Why the last attempt failed: a code and a sentence; empty when none did. */
    readonly failure: string;
    readonly failureMessage: string;
  } | null;
  /** The forced beginning that its data come from. */
  readonly recovery?: string;
  readonly members: readonly {
    readonly id: string;
    /** alive, suspect, dead or left */
    readonly state: string;
    /** The cluster still holds its lease. */
    readonly leased?: boolean;
  }[];
  /** Sessions of the whole cluster, and those of this member. */
  readonly sessions: number;
  readonly sessionsOwned: number;
  readonly ready: boolean;
  readonly notReadyReason: string;
  /** Generation of the configuration in force; 0 before the first. */
  readonly configGeneration: number;
  readonly draining: boolean;
  /** Why it takes no sessions though it works: asked or fenced; empty when it does. */
  readonly cordon?: string;
  readonly version?: string;
  /** Members that its gateway gives no new work for a while, and why. */
  readonly ejected?: readonly { readonly id: string; readonly reason: string }[];
  /** What of the policies in force cannot work as written; `field` is a path in them. */
  readonly policyProblems?: readonly { readonly field: string; readonly sentence: string }[];
  /** The MCP server beside it; `problem` is empty when it is ready. */
  readonly backend: {
    readonly ready: boolean;
    readonly problem: string;
    /** Whether it was asked which tools it has, and what it answered. */
    readonly toolsKnown?: boolean;
    readonly tools?: readonly string[];
  } | null;
}

export type SidecarReport =
  | { readonly kind: 'answered'; readonly status: SidecarStatus }
  | { readonly kind: 'failed'; readonly problem: string };
