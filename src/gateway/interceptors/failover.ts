/**
 * Tries until somebody serves the request, and keeps its stream alive over moves. Stands outside of `route`, as each
 * attempt is routed anew.
 */
import type { Handler } from '../exchange.ts';
import { InvariantError } from '../../std/index.ts';
import { pursue, type FailoverOptions, type Pursuit } from './pursuit.ts';
import { acceptEarly, continueStream } from './stream-relay.ts';

/** The end of the request path: never rejects but for a client that left. */
export function failover(options: FailoverOptions): Handler {
  return async (exchange) => {
    const { session } = exchange;
    if (session === undefined) throw new InvariantError('the session interceptor ran before');
    const pursuit: Pursuit = {
      exchange,
      sessionId: session.op === 'initialize' ? session.sessionId : session.record.id,
      record: session.op === 'initialize' ? undefined : session.record,
      op: session.op,
      avoid: new Set(),
      released: undefined,
      lastEventId: exchange.lastEventId?.text,
      settled: false,
      sent: false,
      harmless: undefined,
    };
    if (pursuit.op === 'get')
      return acceptEarly(options, pursuit, () => pursue(options, pursuit, Infinity));
    const reply = await pursue(options, pursuit, options.timing.failoverMs);
    return reply.type === 'stream' ? continueStream(options, pursuit, reply) : reply;
  };
}
