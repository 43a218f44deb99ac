/**
 * Hedged requests (Dean, Barroso: The Tail at Scale): a read-only request of the stateless era that has no answer after a while
 * goes to a second pod too. The first answer counts, the other request is cancelled. Off unless the resource asks for it.
 */
import { delay, type Clock } from '../../std/index.ts';
import type { OwnerReply, OwnerRequest } from '../exchange.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { GatewayPolicies } from '../policies.ts';
import type { Balancing } from './balancing.ts';
import { isReadOnly, keyOf } from './request-key.ts';

export interface HedgeOptions {
  readonly balancing: Pick<Balancing, 'place' | 'budget'>;
  readonly policies: () => GatewayPolicies;
  readonly clock: Clock;
  readonly metrics: GatewayMetrics;
}

/** Wraps the way to the pods; requests that are not to be hedged pass as they are. */
export function hedge(ask: AskNode, options: HedgeOptions): AskNode {
  return (node, request, signal) => {
    const { hedging } = options.policies().health;
    return hedging === undefined || !mayHedge(request)
      ? ask(node, request, signal)
      : race(ask, options, { node, request, signal, delayMs: hedging.delayMs });
  };
}

/** What names a state belongs to one pod, where another would not know it; what may change something goes to one server. */
function mayHedge({ op, placed, parsed }: OwnerRequest): boolean {
  if (op !== 'stateless' || placed === true || parsed === undefined) return false;
  const isTask = parsed.messages.some(
    ({ kind, message }) => kind === 'request' && message.method.startsWith('tasks/'),
  );
  return !isTask && isReadOnly(parsed);
}

interface Race {
  readonly node: string;
  readonly request: OwnerRequest;
  readonly signal: AbortSignal;
  readonly delayMs: number;
}

interface Runner {
  readonly name: 'first' | 'second';
  readonly reply: Promise<OwnerReply>;
  cancel(): void;
}

async function race(
  ask: AskNode,
  options: HedgeOptions,
  { node, request, signal, delayMs }: Race,
): Promise<OwnerReply> {
  const run = (name: Runner['name'], at: string): Runner => {
    const cancelled = new AbortController();
    const either = AbortSignal.any([signal, cancelled.signal]);
    return { name, reply: ask(at, request, either), cancel: () => cancelled.abort() };
  };
  const first = run('first', node);
  const settled = new AbortController();
  const waited = delay(options.clock, delayMs, settled.signal).catch(() => undefined);
  const early = await Promise.race([first.reply, waited]);
  settled.abort();
  if (early !== undefined || signal.aborted) return first.reply;
  const release = options.balancing.budget.tryRetry();
  if (release === undefined) return first.reply;
  try {
    const other = placeOther(options, node, request);
    if (other === undefined) return await first.reply;
    return await better([first, run('second', other)], options.metrics);
  } finally {
    release();
  }
}

function placeOther(
  { balancing, policies }: HedgeOptions,
  node: string,
  { headers, parsed, principal }: OwnerRequest,
): string | undefined {
  const key = keyOf(policies().loadBalancing, { headers, parsed, principal });
  return balancing.place({ key, avoid: new Set([node]) });
}

/** The first answer that is not a refusal, else the last refusal; the other runner is cancelled. */
async function better(
  runners: readonly [Runner, Runner],
  metrics: GatewayMetrics,
): Promise<OwnerReply> {
  const answers = runners.map(async (runner) => {
    const reply = await runner.reply;
    if (reply.type === 'refused') throw new RefusedError(reply);
    return { runner, reply };
  });
  try {
    const { runner, reply } = await Promise.any(answers);
    for (const other of runners) if (other !== runner) other.cancel();
    metrics.hedges.inc({ winner: runner.name });
    return reply;
  } catch {
    return runners[0].reply;
  }
}

class RefusedError extends Error {
  override readonly name = 'RefusedError';
  constructor(reply: OwnerReply & { readonly type: 'refused' }) {
    super(reply.code);
  }
}
