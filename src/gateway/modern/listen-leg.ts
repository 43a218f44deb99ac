/** One pod's part of a merged `subscriptions/listen`: opened again whenever it breaks, for as long as the pod is a member. */
import { isResult, readMessages, type JsonObject } from '../../mcp/index.ts';
import { createBackoff, delay, type Clock, type Random } from '../../std/index.ts';
import { StreamInterrupted, type OwnerReply, type PlainReply } from '../exchange.ts';
import { honouredIn } from './listen-filter.ts';

export interface LegListener {
  /** The pod's server listens. After the first time there was a gap, in which changes may have been missed. */
  acknowledged(honoured: JsonObject): void;
  /** A notification; resolves when there is room for the next. */
  notified(data: string, method: string, params: JsonObject | undefined): Promise<void>;
  /** The server does not listen, and says why; undefined when it does not speak this era. */
  refused(reply: PlainReply | undefined): void;
}

export interface LegOptions {
  readonly isReady: () => boolean;
  readonly ask: (signal: AbortSignal) => Promise<OwnerReply>;
  readonly listener: LegListener;
  readonly clock: Clock;
  readonly random: Random;
}

/** Resolves when `signal` aborts. Never rejects. */
export async function runLeg(options: LegOptions, signal: AbortSignal): Promise<void> {
  const { clock } = options;
  const broken = createBackoff({ initialMs: 20, maxMs: 1_000 }, options.random);
  // A server that will not listen is asked rarely: it may be full of those whom others listen for.
  const unwilling = createBackoff({ initialMs: 1_000, maxMs: 30_000 }, options.random);
  const isAborted = (): boolean => signal.aborted;
  while (!isAborted()) {
    const outcome = options.isReady() ? await listen(options, signal) : 'broken';
    if (isAborted()) return;
    if (outcome === 'listened') broken.reset();
    const pause = outcome === 'refused' ? unwilling : broken;
    await delay(clock, pause.next(), signal).catch(() => undefined);
  }
}

type Outcome = 'listened' | 'refused' | 'broken';

async function listen(options: LegOptions, signal: AbortSignal): Promise<Outcome> {
  const reply = await options.ask(signal);
  if (signal.aborted) return 'broken';
  if (reply.type === 'stream') return readEvents(options, reply.events);
  if (reply.type === 'plain') options.listener.refused(reply);
  else if (reply.type === 'refused' && reply.code === 'wrong-era')
    options.listener.refused(undefined);
  else return 'broken';
  return 'refused';
}

/** Reads to the end of the stream, however it comes. */
async function readEvents(
  { listener }: LegOptions,
  events: AsyncIterable<{ readonly data: string }>,
): Promise<Outcome> {
  let outcome: Outcome = 'broken';
  try {
    for await (const { data } of events) {
      for (const item of readMessages(data) ?? []) {
        if (item.kind === 'response') {
          // A result ends the subscription in good order, as a server does that stops: it will be back, or the pod will go.
          if (isResult(item.message)) return outcome;
          listener.refused({ type: 'plain', status: 200, headers: {}, body: data });
          return 'refused';
        }
        const { method, params } = item.message;
        const honoured = honouredIn(method, params);
        if (honoured === undefined) await listener.notified(data, method, params);
        else {
          outcome = 'listened';
          listener.acknowledged(honoured);
        }
      }
    }
  } catch (error) {
    if (!(error instanceof StreamInterrupted) && (error as Error).name !== 'AbortError')
      throw error;
  }
  return outcome;
}
