/** The cluster as the gateway sees it: who takes work, and whose sessions may be taken over. */
import { connect } from 'node:net';
import type { Membership, Member as GossipMember } from '../gossip/index.ts';
import type { Cluster, Member, Owner, OwnerState } from '../gateway/index.ts';
import type { Store } from '../store/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { MEMBERS_PREFIX, type MemberRecord } from './ownership.ts';

/** Limit on the connection attempt that proves a death; it is refused at once or not at all. */
const PROOF_TIMEOUT_MS = 500;

export interface ClusterViewOptions {
  readonly self: Owner;
  readonly membership: Membership;
  readonly store: Pick<Store, 'local' | 'watch' | 'revision'>;
  /** Where a member's gateway listens for other gateways. */
  readonly peerOf: (member: GossipMember) => Member['peer'];
  readonly logger: Logger;
}

export interface ClusterView extends Cluster {
  /** Called when a member's address refused a connection: no process listens there any more. */
  onProvenDeath(listener: (id: string) => void): () => void;
  stop(): void;
}

/**
 * Death is proven when the member's own port refuses a connection or a new process answers under its name; otherwise its
 * sessions may be claimed only once its lease under `/members/` is over. A session's record is committed after its owner's
 * lease, so a node that knows the record and not the lease has seen the lease end.
 */
export function createClusterView(options: ClusterViewOptions): ClusterView {
  const { self, membership, store } = options;
  const listeners = new Set<() => void>();
  const provenDead = new Map<string, string>();
  const deathListeners = new Set<(id: string) => void>();
  const changed = (): void => {
    for (const listener of listeners) listener();
  };
  const leaseHolder = (node: string): string | undefined => {
    const item = store.local.get(`${MEMBERS_PREFIX}${node}`);
    return item === undefined ? undefined : (JSON.parse(item.value) as MemberRecord).instance;
  };
  const stopGossip = membership.onChange(({ kind, member }) => {
    if (kind === 'died' || kind === 'suspected') proveDeath(member);
    if (member.state === 'alive') provenDead.delete(member.id);
    changed();
  });
  const stopWatch = store.watch({ prefix: MEMBERS_PREFIX }, changed);

  function proveDeath(member: GossipMember): void {
    const colon = member.address.lastIndexOf(':');
    const socket = connect({
      host: member.address.slice(0, colon),
      port: Number(member.address.slice(colon + 1)),
      timeout: PROOF_TIMEOUT_MS,
    });
    socket.once('connect', () => socket.destroy());
    socket.once('timeout', () => socket.destroy());
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED' || provenDead.has(member.id)) return;
      provenDead.set(member.id, member.meta['instance'] ?? '');
      options.logger.info('death of a member proven: its address refuses connections', {
        member: member.id,
      });
      for (const listener of deathListeners) listener(member.id);
      changed();
    });
  }

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
          peer: options.peerOf(member),
        })),
    ownerState(owner): OwnerState {
      if (owner.node === self.node) return owner.instance === self.instance ? 'alive' : 'gone';
      if (leaseHolder(owner.node) !== owner.instance) return 'gone';
      if (provenDead.get(owner.node) === owner.instance) return 'gone';
      const member = membership.members().find(({ id }) => id === owner.node);
      if (member === undefined) return 'unsure';
      if (member.meta['instance'] !== undefined && member.meta['instance'] !== owner.instance) {
        return 'gone';
      }
      return member.state === 'alive' ? 'alive' : 'unsure';
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reportRefused(node) {
      const member = membership.members().find(({ id }) => id === node);
      if (member !== undefined) proveDeath(member);
      membership.reportRefused(node);
    },
    onProvenDeath(listener) {
      deathListeners.add(listener);
      return () => deathListeners.delete(listener);
    },
    stop() {
      stopGossip();
      stopWatch();
    },
  };
}
