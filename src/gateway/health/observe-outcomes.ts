/** Watches how requests to pods end, whoever sends them: what balancing, outlier detection and breakers learn from. */
import type { Clock } from '../../std/index.ts';
import { StreamInterrupted, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import { toolOf } from './request-key.ts';
import type { Balancing, Outcome } from './balancing.ts';

/** Streams that are open for as long as a client likes say nothing about how a pod does. */
const JUDGED: ReadonlySet<OwnerRequest['op']> = new Set(['initialize', 'post', 'stateless']);

export function observeOutcomes(ask: AskNode, balancing: Balancing, clock: Clock): AskNode {
  return async (node, request, signal) => {
    const isJudged = JUDGED.has(request.op);
    // A session that moves is work for its new pod, whatever asks for it.
    if (!isJudged && request.claim === undefined) return ask(node, request, signal);
    const startedAt = clock.monotonic();
    const running = balancing.began(node, toolOf(request.parsed));
    const ended = (outcome: Outcome): void => running.ended(outcome, clock.monotonic() - startedAt);
    const reply = await ask(node, request, signal);
    if (!isJudged) {
      ended('none');
      return reply;
    }
    if (reply.type === 'stream') return { ...reply, events: watched(reply.events, signal, ended) };
    if (reply.type === 'body') return { ...reply, chunks: watched(reply.chunks, signal, ended) };
    ended(signal.aborted ? outcomeOfAbort(signal) : outcomeOf(reply));
    return reply;
  };
}

/** Refusals that say that the pod or its server fails; the others are about the session. */
const FAILURES: ReadonlySet<string> = new Set(['unreachable', 'backend-down', 'request-lost']);

function outcomeOf(reply: Exclude<OwnerReply, { type: 'stream' | 'body' }>): Outcome {
  if (reply.type === 'refused') return FAILURES.has(reply.code) ? 'error' : 'none';
  return reply.status >= 500 ? 'error' : 'ok';
}

/** A request whose own deadline is over counts against the pod; a client that left does not. */
function outcomeOfAbort({ reason }: AbortSignal): Outcome {
  return reason instanceof Error && reason.name === 'TimeoutError' ? 'error' : 'none';
}

/** Passes the items on; the request runs until the last one. */
function watched<T>(
  items: AsyncIterable<T>,
  signal: AbortSignal,
  ended: (outcome: Outcome) => void,
): AsyncIterable<T> {
  const settle = (outcome: Outcome): void => {
    signal.removeEventListener('abort', onAbort);
    ended(outcome);
  };
  // What nobody begins to read does not run for ever.
  const onAbort = (): void => settle(outcomeOfAbort(signal));
  signal.addEventListener('abort', onAbort, { once: true });
  return (async function* () {
    try {
      yield* items;
      settle('ok');
    } catch (error) {
      const failed = error instanceof StreamInterrupted && FAILURES.has(error.code);
      settle(failed ? 'error' : 'none');
      throw error;
    } finally {
      settle('none');
    }
  })();
}
