/** Turns what the parts of a member notice into facts for whoever watches. */
import type { Gateway } from '../gateway/index.ts';
import type { MemberChangeKind, Membership } from '../gossip/index.ts';
import type { RaftNode } from '../raft/index.ts';
import type { DeathProof } from './death-proof.ts';
import type { EventHub } from './events.ts';

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
}

/** Begins to publish; returns the function that ends it. */
export function publishFacts(sources: FactSources): () => void {
  const { events } = sources;
  let leader = '';
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
