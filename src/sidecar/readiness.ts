/** Whether a member may receive clients, and if not, the first reason why. */
import type { Owner, Gateway } from '../gateway/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { Readiness } from './health.ts';
import type { MemberProblem } from './member-problems.ts';
import { MEMBERS_PREFIX, type Ownership } from './ownership.ts';
import type { Store } from '../store/index.ts';

/** Entries that are agreed and not applied here; so many are a moment's work. */
const BEHIND_MAX = 1_000;

export interface CatchUpSources {
  readonly raft: { status(): Pick<ReturnType<RaftNode['status']>, 'commitIndex' | 'appliedIndex'> };
  readonly store: { readonly local: Pick<Store['local'], 'get'> };
  readonly view: { readonly self: Owner };
}

/**
 * True when this member knows what the others have agreed on. One that sees its own lease in its copy of the store has applied
 * everything before it, so every session that is older than its process.
 */
export function isCaughtUp({ raft, store, view }: CatchUpSources): boolean {
  const { commitIndex, appliedIndex } = raft.status();
  const { node, instance } = view.self;
  const knownAs = store.local.get(`${MEMBERS_PREFIX}${node}`)?.value;
  return knownAs === instance && commitIndex - appliedIndex <= BEHIND_MAX;
}

export interface ReadinessSources extends CatchUpSources {
  readonly raft: Pick<RaftNode, 'status'>;
  readonly ownership: Pick<Ownership, 'valid'>;
  readonly gateway: Pick<Gateway, 'backendReady'> | undefined;
  problems(): readonly MemberProblem[];
}

/** `parts` is undefined while the member starts; `away` says why it takes no sessions, and is empty when it does. */
export function readinessOf(parts: ReadinessSources | undefined, away: string): Readiness {
  const no = (reason: string): Readiness => ({ ready: false, reason });
  if (parts === undefined) return no('starting');
  if (away !== '') return no(away);
  const [problem] = parts.problems();
  if (problem !== undefined) return no(`${problem.code}: ${problem.message}`);
  if (parts.raft.status().leaderId === undefined) return no('the cluster has no leader');
  if (!parts.ownership.valid()) return no("this member's lease is not confirmed by the cluster");
  if (!isCaughtUp(parts)) return no('catching up with what the cluster agreed on');
  if (parts.gateway !== undefined && !parts.gateway.backendReady()) {
    return no('the MCP server does not answer');
  }
  return { ready: true, reason: '' };
}
