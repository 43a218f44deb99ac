/** The streams that peers opened: each greets first, then only the peer speaks. */
import { RpcError, type ServerBidiStream, type Wire } from '../rpc/index.ts';
import { maySpeakAs } from '../rpc/index.ts';
import type { Introductions } from './introductions.ts';
import type { IncomingBatch } from './peer-service.ts';
import type { RefusalReports } from './refusals.ts';

/** Members that call without being in the configuration yet, or any more. */
export const STRANGERS_MAX = 16;

export interface InboundHost {
  readonly introductions: Introductions;
  readonly reports: RefusalReports;
  /** False before the first `setPeers`, and after `stop`. */
  isReady(): boolean;
  isPeer(id: string): boolean;
  opened(id: string): void;
  closed(id: string): void;
  message(id: string, wire: Wire.RaftMessage): void;
  /** The stream said something that is no batch; it ends. */
  unreadable(id: string, why: 'malformed' | 'oversized'): void;
}

export interface Inbound {
  receive(stream: ServerBidiStream<Wire.PeerBatch, Wire.PeerAnswerInput>): void;
  /** The disk that a member said it has, on the stream that it has open now. */
  diskOf(id: string): string | undefined;
  /** Whether this process of a member was let in. */
  isConnected(id: string, instance: string): boolean;
  /** Ends the streams of members that `keep` does not want. */
  end(keep: (id: string) => boolean): void;
}

interface Caller {
  readonly greeting: Wire.PeerGreeting;
  end(error?: RpcError): void;
}

export function createInbound(host: InboundHost): Inbound {
  const callers = new Map<string, Caller>();
  /** The error to end the stream with, a refusal that was answered, or nothing: the caller may speak. */
  const admit = (
    greeting: Wire.PeerGreeting | null,
    stream: ServerBidiStream<Wire.PeerBatch, Wire.PeerAnswerInput>,
  ): RpcError | 'refused' | undefined => {
    if (!host.isReady()) return new RpcError('unavailable', 'not started yet');
    if (greeting === null) return new RpcError('invalid-argument', 'a greeting comes first');
    // Whatever comes on the stream is then from this member, and so is each piece of a snapshot it asks for.
    if (!maySpeakAs(stream.caller, greeting.nodeId)) {
      return new RpcError('permission-denied', `the certificate is not that of ${greeting.nodeId}`);
    }
    const refusal = host.introductions.checkCaller(greeting);
    if (refusal !== undefined) {
      host.reports.refused(greeting.nodeId, refusal, 'us');
      stream.send({ refusal });
      return 'refused';
    }
    const { nodeId } = greeting;
    if (host.isPeer(nodeId) || callers.has(nodeId)) return undefined;
    const strangers = [...callers.keys()].filter((id) => !host.isPeer(id)).length;
    if (strangers < STRANGERS_MAX) return undefined;
    return new RpcError('resource-exhausted', 'too many members that are in no configuration');
  };
  return {
    receive(stream) {
      let caller: Caller | undefined;
      let over = false;
      const end = (error?: RpcError): void => {
        over = true;
        stream.end(error);
      };
      stream.onMessage((batch: IncomingBatch) => {
        if (over) return;
        if (batch.unreadable !== undefined) {
          host.unreadable(caller?.greeting.nodeId ?? '', batch.unreadable);
          return end(new RpcError('invalid-argument', `${batch.unreadable} batch`));
        }
        if (caller === undefined) {
          const { greeting } = batch;
          const refused = admit(greeting, stream);
          if (refused !== undefined) return end(refused === 'refused' ? undefined : refused);
          caller = { greeting: greeting as Wire.PeerGreeting, end };
          const { nodeId, diskId } = caller.greeting;
          callers.get(nodeId)?.end(new RpcError('aborted', 'replaced by a newer stream'));
          callers.set(nodeId, caller);
          host.introductions.trust(nodeId, diskId);
          stream.send({ greeting: host.introductions.greeting() });
          host.opened(nodeId);
        }
        for (const wire of batch.messages) host.message(caller.greeting.nodeId, wire);
      });
      stream.onEnd(() => {
        stream.end();
        const id = caller?.greeting.nodeId;
        if (id === undefined || callers.get(id) !== caller) return;
        callers.delete(id);
        host.closed(id);
      });
    },
    diskOf: (id) => callers.get(id)?.greeting.diskId,
    isConnected: (id, instance) => callers.get(id)?.greeting.instance === instance,
    end(keep) {
      for (const [id, caller] of callers) if (!keep(id)) caller.end();
    },
  };
}
