/** Who is not let in: what a greeting must say, and the catalogue of reasons to end a stream because of it. */
import type { Wire } from '../rpc/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';

/** Raised with every change of `proto/peer.proto` that an older release would misread. */
export const PROTOCOL_VERSION = 1;
/** Reasons remembered so that each is logged once. */
const LOGGED_MAX = 256;

/** What each refusal means, and what a person has to do about it. */
const CATALOGUE = {
  'protocol-version': {
    sentence: 'the two members speak different versions of the protocol',
    advice: 'bring all members to the same release; the rolling update goes on by itself',
  },
  'foreign-cluster': {
    sentence: 'the two members belong to different clusters',
    advice: 'check the service names and the cluster id in the configuration of both',
  },
  'wrong-member': {
    sentence: 'another member answers at the address of the one that was dialled',
    advice: 'check the DNS records of the members, and that no two processes use the same node id',
  },
  'member-replaced': {
    sentence: 'the member came back under its old id without its data',
    advice:
      'remove the member from the configuration and add it again: a member that lost its disk may have lost its votes',
  },
} as const;

export type RefusalCode = keyof typeof CATALOGUE;

export interface Refusal {
  readonly code: RefusalCode;
  /** The values that do not fit. */
  readonly detail: string;
}

/** What the checked side must say about itself; `undefined` leaves a question open. */
export interface Expected {
  readonly clusterId: string;
  /** The member that was dialled. */
  readonly nodeId?: string | undefined;
  /** The member that answers, when the greeting comes from a caller. */
  readonly own?: string | undefined;
  readonly diskId?: string | undefined;
}

/** The first reason to refuse whoever sent this greeting. */
export function checkGreeting(
  greeting: Wire.PeerGreeting,
  expected: Expected,
): Refusal | undefined {
  const { nodeId, clusterId, diskId, protocolVersion, expects } = greeting;
  if (protocolVersion !== PROTOCOL_VERSION) {
    const detail = `version ${protocolVersion} instead of ${PROTOCOL_VERSION}`;
    return { code: 'protocol-version', detail };
  }
  if (clusterId !== expected.clusterId) {
    return {
      code: 'foreign-cluster',
      detail: `cluster ${clusterId} instead of ${expected.clusterId}`,
    };
  }
  if (expected.nodeId !== undefined && nodeId !== expected.nodeId) {
    return { code: 'wrong-member', detail: `${nodeId} instead of ${expected.nodeId}` };
  }
  if (expected.own !== undefined && expects !== expected.own) {
    return { code: 'wrong-member', detail: `${expected.own} instead of ${expects}` };
  }
  if (expected.own === nodeId) {
    return { code: 'wrong-member', detail: `two processes are ${nodeId}` };
  }
  if (expected.diskId !== undefined && diskId !== expected.diskId) {
    return { code: 'member-replaced', detail: `disk ${diskId} instead of ${expected.diskId}` };
  }
  return undefined;
}

/** A refusal as the other side told it; undefined when it is of a release with other reasons. */
export function refusalOf(wire: Wire.PeerRefusal): Refusal | undefined {
  const { code, detail } = wire;
  return Object.hasOwn(CATALOGUE, code) ? { code: code as RefusalCode, detail } : undefined;
}

export interface RefusalReports {
  /** Counts a refusal, and logs it unless that was the last thing that happened with this peer. */
  refused(peerId: string, refusal: Refusal, by: 'us' | 'peer'): void;
  /** The two understand each other again. */
  accepted(peerId: string): void;
}

/** `onJudged` is told what peers made of this member: why one refused it, or undefined when it did not. */
export function createRefusalReports(
  logger: Logger,
  metrics: Metrics,
  onJudged?: (peerId: string, refusal: RefusalCode | undefined) => void,
): RefusalReports {
  const counter = metrics.counter(
    'raft_peers_refused_total',
    'Streams between members that were refused because of who is at the other end.',
    ['code', 'by'],
  );
  const logged = new Map<string, Set<string>>();
  return {
    refused(peerId, { code, detail }, by) {
      if (by === 'peer') onJudged?.(peerId, code);
      counter.inc({ code, by });
      const key = `${code} ${by}`;
      const known = logged.get(peerId) ?? new Set();
      if (known.has(key)) return;
      if (logged.size >= LOGGED_MAX) logged.clear();
      logged.set(peerId, known.add(key));
      const { sentence, advice } = CATALOGUE[code];
      logger.error('peer refused', {
        peer: peerId,
        code,
        by,
        reason: sentence,
        detail,
        toDo: advice,
      });
    },
    accepted(peerId) {
      logged.delete(peerId);
      onJudged?.(peerId, undefined);
    },
  };
}
