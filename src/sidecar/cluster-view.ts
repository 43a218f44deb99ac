/** The cluster as the gateway sees it: who takes work, and whose sessions may be taken over. */
import type { Membership, Member as GossipMember } from '../gossip/index.ts';
import type { Cluster, Member, Owner, OwnerState } from '../gateway/index.ts';
import type { Store } from '../store/index.ts';
import type { DeathProof } from './death-proof.ts';
import { follow } from './follow.ts';
import { MEMBERS_PREFIX } from './ownership.ts';
import { decodeResources } from './resources.ts';

export interface ClusterViewOptions {
  readonly self: Owner;
  readonly membership: Membership;
  readonly deaths: DeathProof;
  readonly store: Pick<Store, 'local' | 'watch'>;
  /** Where a member's gateway listens for other gateways. */
  readonly peerOf: (member: GossipMember) => Member['peer'];
}

export interface ClusterView extends Cluster {
  /** This member said something new of itself, which gossip tells only the others. */
  selfChanged(): void;
  stop(): void;
}

/**
 * A session may be taken over when its owner's death is proven, a new process answers under the owner's name, or the
 * owner's lease under `/members/` is over. A session's record is committed after its owner's lease, so a node that knows
 * the record and not the lease has seen the lease end.
 */
export function createClusterView(options: ClusterViewOptions): ClusterView {
  const { self, membership, deaths, store } = options;
  const listeners = new Set<() => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const stops = [
    membership.onChange(changed),
    deaths.onProof(changed),
    follow(store, { prefix: MEMBERS_PREFIX }, changed),
  ];
  const leaseHolder = (node: string): string | undefined =>
    store.local.get(`${MEMBERS_PREFIX}${node}`)?.value;
  return {
    self,
    members: () =>
      membership
        .members()
        .filter(({ id, state }) => id === self.node || state === 'alive' || state === 'suspect')
        .map((member) => ({
          node: member.id,
          instance: member.meta['instance'] ?? '',
          ready: member.state === 'alive' && member.meta['ready'] === '1',
          load: member.load,
          ...traitsOf(member.meta),
          peer: options.peerOf(member),
        })),
    ownerState(owner): OwnerState {
      if (owner.node === self.node) return owner.instance === self.instance ? 'alive' : 'gone';
      if (leaseHolder(owner.node) !== owner.instance) return 'gone';
      if (deaths.isProven(owner.node, owner.instance)) return 'gone';
      const member = membership.members().find(({ id }) => id === owner.node);
      if (member === undefined) return 'unsure';
      const { instance } = member.meta;
      if (instance !== undefined && instance !== owner.instance) return 'gone';
      return member.state === 'alive' ? 'alive' : 'unsure';
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reportRefused(node) {
      deaths.attempt(node);
      membership.reportRefused(node);
    },
    selfChanged: changed,
    stop() {
      for (const stop of stops) stop();
    },
  };
}

/** What a member tells about itself besides; members of another version may tell less. */
function traitsOf(
  meta: Readonly<Record<string, string>>,
): Pick<Member, 'weight' | 'capabilities' | 'resources'> {
  const { weight = '', capabilities = '' } = meta;
  const resources = decodeResources(meta['resources']);
  return {
    ...(weight === '' || !(Number(weight) >= 0) ? {} : { weight: Number(weight) }),
    ...(capabilities === '' ? {} : { capabilities: capabilities.split(',') }),
    ...(resources === undefined ? {} : { resources }),
  };
}
