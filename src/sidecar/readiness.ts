/** Whether a member may receive clients, and if not, the first reason why. */
import type { Gateway } from '../gateway/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { Readiness } from './health.ts';
import type { MemberProblem } from './member-problems.ts';
import type { Ownership } from './ownership.ts';

export interface ReadinessSources {
  readonly raft: Pick<RaftNode, 'status'>;
  readonly ownership: Pick<Ownership, 'valid'>;
  readonly gateway: Pick<Gateway, 'backendReady'> | undefined;
  problems(): readonly MemberProblem[];
}

/** `parts` is undefined while the member starts. */
export function readinessOf(parts: ReadinessSources | undefined, draining: boolean): Readiness {
  const no = (reason: string): Readiness => ({ ready: false, reason });
  if (parts === undefined) return no('starting');
  if (draining) return no('draining');
  const [problem] = parts.problems();
  if (problem !== undefined) return no(`${problem.code}: ${problem.message}`);
  if (parts.raft.status().leaderId === undefined) return no('the cluster has no leader');
  if (!parts.ownership.valid()) return no("this member's lease is not confirmed by the cluster");
  if (parts.gateway !== undefined && !parts.gateway.backendReady()) {
    return no('the MCP server does not answer');
  }
  return { ready: true, reason: '' };
}
