/** What the membership tells about itself. */
import type { Metrics } from '../telemetry/index.ts';
import type { Member, MemberChangeKind, MemberState } from './core/model.ts';

const STATES: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

export interface GossipMetrics {
  called(kind: string, result: 'answered' | 'refused' | 'failed'): void;
  changed(kind: MemberChangeKind, members: readonly Member[]): void;
}

export function createGossipMetrics(metrics: Metrics): GossipMetrics {
  const calls = metrics.counter('gossip_calls_total', 'Calls to other members.', [
    'kind',
    'result',
  ]);
  const changes = metrics.counter('gossip_changes_total', 'Changes of members seen.', ['kind']);
  const members = metrics.gauge('gossip_members', 'Known members by state.', ['state']);
  return {
    called: (kind, result) => calls.inc({ kind, result }),
    changed(kind, known) {
      changes.inc({ kind });
      for (const state of STATES) {
        members.set(known.filter((member) => member.state === state).length, { state });
      }
    },
  };
}
