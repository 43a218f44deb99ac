/** How members introduce themselves at each stream, and what one remembers of another: the disk it had when it was first met. */
import type { Wire } from '../rpc/index.ts';
import { checkGreeting, PROTOCOL_VERSION, type Refusal } from './refusals.ts';
import type { TransportOptions } from './peers.ts';

export interface Introductions {
  /** What this member says about itself; `expects` is whom it dialled. */
  greeting(expects?: string): Wire.PeerGreetingInput;
  /** Why a member that dialled this one is refused. */
  checkCaller(greeting: Wire.PeerGreeting): Refusal | undefined;
  /** Why the member that answered for `peerId` is refused. */
  checkAnswer(peerId: string, greeting: Wire.PeerGreeting): Refusal | undefined;
  /** Remembers the disk of a member of the configuration, unless one is known. */
  trust(id: string, diskId: string): void;
  /** The configuration dropped it: it may come back with another disk. */
  forget(id: string): void;
}

type Identity = Pick<TransportOptions, 'id' | 'instance' | 'clusterId' | 'diskId' | 'knownDisk'>;

/** `isMember` tells whether the configuration knows an id: strangers are let in with any disk, and leave no trace. */
export function createIntroductions(
  identity: Identity,
  isMember: (id: string) => boolean,
): Introductions {
  const { id, instance, clusterId, knownDisk } = identity;
  const diskOf = (peerId: string): string | undefined =>
    isMember(peerId) ? knownDisk.get(peerId) : undefined;
  return {
    greeting: (expects) => ({
      nodeId: id,
      instance,
      clusterId,
      diskId: identity.diskId(),
      protocolVersion: PROTOCOL_VERSION,
      expects: expects ?? '',
    }),
    checkCaller: (greeting) =>
      checkGreeting(greeting, { clusterId, own: id, diskId: diskOf(greeting.nodeId) }),
    checkAnswer: (peerId, greeting) =>
      checkGreeting(greeting, { clusterId, nodeId: peerId, diskId: diskOf(peerId) }),
    trust(peerId, diskId) {
      if (diskId === '' || !isMember(peerId)) return;
      if (knownDisk.get(peerId) === undefined) knownDisk.set(peerId, diskId);
    },
    forget: (peerId) => knownDisk.forget(peerId),
  };
}
