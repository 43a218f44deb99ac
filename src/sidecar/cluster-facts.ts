/** Turns what the parts of a member notice into facts for whoever watches. */
import type { Gateway } from '../gateway/index.ts';
import type { MemberChangeKind, Membership } from '../gossip/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { DeathProof } from './death-proof.ts';
import type { EventHub } from './events.ts';
import type { MemberProblem } from './member-problems.ts';

const MEMBER_FACTS: Readonly<Partial<Record<MemberChangeKind, string>>> = {
  joined: 'member-alive',
  restarted: 'member-alive',
  refuted: 'member-alive',
  suspected: 'member-suspect',
  died: 'member-dead',
  left: 'member-left',
};

export interface FactSources {
  readonly raft: RaftNode;
  readonly membership: Membership;
  readonly deaths: DeathProof;
  readonly gateway: Gateway | undefined;
  readonly events: EventHub;
  problems(): readonly MemberProblem[];
}

/** Begins to publish; returns the function that ends it. */
export function publishFacts(sources: FactSources): () => void {
  const { events } = sources;
  let leader = '';
  let members = '';
  let problems = '';
  const stops = [
    sources.membership.onChange(({ kind, member }) => {
      const fact = MEMBER_FACTS[kind];
      if (fact !== undefined) events.emit(fact, member.id);
    }),
    sources.deaths.onProof((id) => events.emit('member-dead', id, { proof: 'refused' })),
    sources.raft.onStatus(({ leaderId, term }) => {
      if (leaderId === undefined || `${leaderId}/${term}` === leader) return;
      leader = `${leaderId}/${term}`;
      events.emit('leader-elected', leaderId, { term: String(term) });
    }),
    sources.raft.onStatus(({ nodeId, configuration }) => {
      const { voters, votersOutgoing, learners } = configuration;
      const now = {
        voters: voters.join(),
        votersOutgoing: votersOutgoing.join(),
        learners: learners.join(),
      };
      if (JSON.stringify(now) === members) return;
      members = JSON.stringify(now);
      events.emit('membership-changed', nodeId, now);
    }),
    sources.raft.onStatus(({ nodeId }) => {
      const now = sources.problems();
      const codes = now.map(({ code }) => code).join();
      if (codes === problems) return;
      problems = codes;
      events.emit('member-problem', nodeId, { codes, message: now[0]?.message ?? '' });
    }),
    sources.gateway?.onEvent(({ type, ...event }) => {
      const { id = '', ...attributes } = event as Record<string, unknown>;
      events.emit(type, String(id), textOf(attributes));
    }),
  ];
  return () => {
    for (const stop of stops) stop?.();
  };
}

function textOf(attributes: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(attributes)
      .filter(([, value]) => value !== undefined)
      .map(([key, value]) => [key, String(value)]),
  );
}
