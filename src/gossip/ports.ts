/** What the membership needs from a network: questions and answers between addresses. */
import type { GossipRequest, GossipResponse } from './core/model.ts';

/** A call without an answer. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  /** The address refused the connection: no process listens there. */
  readonly refused: boolean;

  constructor(message: string, refused: boolean) {
    super(message);
    this.refused = refused;
  }
}

export interface GossipTransport {
  /** Resolves with the answer within `timeoutMs`, or rejects, with {@link CallFailure} when it knows why. */
  call(address: string, request: GossipRequest, timeoutMs: number): Promise<GossipResponse>;
  /** Registers who answers; called once, before anything else. */
  serve(handler: (request: GossipRequest) => Promise<GossipResponse>): void;
  stop(): void;
}
