/**
 * One client's `subscriptions/listen`, made of one at every pod. A change at any pod reaches the client; pods come and go
 * without it noticing.
 */
import {
  errorText,
  MCP_ERRORS,
  mcpError,
  type JsonObject,
  type RequestId,
} from '../../mcp/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { ResolvedLimits, ResolvedTiming } from '../config.ts';
import { createEventQueue, type EventQueue } from '../event-queue.ts';
import {
  plain,
  type Exchange,
  type FlatHeaders,
  type OwnerRequest,
  type PlainReply,
  type Reply,
} from '../exchange.ts';
import { unsupportedByLegacy } from '../interceptors/parse.ts';
import type { AskNode } from '../interceptors/upstream.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { clientHeaders } from '../owner/backend-headers.ts';
import type { Cluster } from '../ports.ts';
import { createCoalescer, type Coalescer } from './coalesce.ts';
import {
  acknowledgement,
  completion,
  everythingChanged,
  isEmpty,
  newsKey,
  unionOf,
} from './listen-filter.ts';
import { runLeg, type LegListener } from './listen-leg.ts';
import { problem } from './pursue.ts';

export interface ListenOptions {
  readonly cluster: Cluster;
  /** True for a pod whose MCP server answers. */
  readonly isReady: (node: string) => boolean;
  readonly ask: AskNode;
  readonly limits: ResolvedLimits;
  readonly timing: ResolvedTiming;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly random: Random;
}

/** How long slower pods are waited for once one has acknowledged. */
const GATHER_MS = 250;

/** One pod's part, and what its server said first: what it honours, or why it does not listen. */
interface Leg {
  readonly abort: AbortController;
  answer:
    | { readonly type: 'none' }
    | { readonly type: 'honoured'; readonly filter: JsonObject }
    /** `reply` undefined: it does not speak this era. */
    | { readonly type: 'refused'; readonly reply: PlainReply | undefined };
}

type State =
  /** Nothing was sent to the client. */
  | { readonly type: 'opening' }
  | { readonly type: 'open'; readonly honoured: JsonObject }
  | { readonly type: 'closed' };

export class Subscription {
  /** Resolves when it is over, for whatever reason. */
  readonly ended: Promise<void>;
  readonly #options: ListenOptions;
  readonly #exchange: Exchange;
  readonly #id: RequestId;
  readonly #headers: FlatHeaders;
  readonly #legs = new Map<string, Leg>();
  readonly #queue: EventQueue;
  readonly #coalescer: Coalescer;
  readonly #opened = Promise.withResolvers<Reply>();
  readonly #end = Promise.withResolvers<void>();
  /** Resolves once the acknowledgement, which must be the first message, is on its way. */
  readonly #acknowledged = Promise.withResolvers<void>();
  #state: State = { type: 'opening' };
  #cleanups: (() => void)[] = [];
  #gathering = false;

  constructor(options: ListenOptions, exchange: Exchange, id: RequestId) {
    this.#options = options;
    this.#exchange = exchange;
    this.#id = id;
    this.#headers = clientHeaders(exchange.headers);
    this.ended = this.#end.promise;
    this.#queue = createEventQueue(options.limits.unreadEventsMax, exchange.signal, () =>
      this.#close(),
    );
    this.#coalescer = createCoalescer(options.clock, (data) => this.#tell(data));
  }

  /** The client's stream, once a pod listens; an error when none of them will, or none does in time. */
  open(): Promise<Reply> {
    const { cluster, clock, timing } = this.#options;
    const late = (): void => {
      if (this.#state.type === 'opening') this.#refuse(this.#unavailable());
    };
    this.#cleanups.push(
      cluster.onChange(() => this.#reconcile()),
      clock.schedule(timing.failoverMs, late),
    );
    this.#reconcile();
    return this.#opened.promise;
  }

  /** Ends it in good order. */
  complete(): void {
    if (this.#state.type === 'opening') return this.#refuse(this.#unavailable());
    this.#tell(completion(this.#id));
    this.#queue.end();
    return this.#close();
  }

  #unavailable(): PlainReply {
    return plain(200, errorText(mcpError(MCP_ERRORS.unavailable), this.#id));
  }

  #refuse(reply: PlainReply): void {
    this.#opened.resolve(reply);
    this.#close();
  }

  #close(): void {
    if (this.#state.type === 'closed') return;
    this.#state = { type: 'closed' };
    // For a client that left before anything was known; every other one has its answer.
    this.#opened.resolve(this.#unavailable());
    this.#acknowledged.resolve();
    for (const clean of this.#cleanups) clean();
    this.#coalescer.stop();
    for (const { abort } of this.#legs.values()) abort.abort();
    this.#legs.clear();
    this.#end.resolve();
  }

  #tell(data: string): void {
    this.#queue.push({ id: '', data });
  }

  #news(data: string, method: string, params: JsonObject | undefined): void {
    const key = newsKey(method, params);
    if (key === undefined) this.#tell(data);
    else this.#coalescer.tell(key, data);
  }

  /** Nobody listened somewhere for a while: whatever was subscribed may have changed. */
  #missed(): void {
    if (this.#state.type !== 'open') return;
    for (const message of everythingChanged(this.#id, this.#state.honoured))
      this.#news(JSON.stringify(message), message.method, message.params);
  }

  /** Pods that joined are listened to, pods that left are not; what they said last may have been lost with them. */
  #reconcile(): void {
    if (this.#state.type === 'closed') return;
    const { cluster, isReady } = this.#options;
    const members = new Set(cluster.members().map(({ node }) => node));
    for (const [node, leg] of this.#legs) {
      if (members.has(node)) continue;
      this.#legs.delete(node);
      leg.abort.abort();
      if (leg.answer.type === 'honoured') this.#missed();
    }
    for (const node of members) if (!this.#legs.has(node) && isReady(node)) this.#listenTo(node);
    this.#decide();
  }

  #listenTo(node: string): void {
    const { ask, isReady, clock, random } = this.#options;
    const { body, parsed } = this.#exchange;
    const leg: Leg = { abort: new AbortController(), answer: { type: 'none' } };
    this.#legs.set(node, leg);
    const request: OwnerRequest = {
      ...{ sessionId: '', epoch: 0, headers: this.#headers, body },
      op: 'listen',
      ...(parsed === undefined ? {} : { parsed }),
    };
    void runLeg(
      {
        isReady: () => isReady(node),
        ask: (signal) => ask(node, request, signal),
        listener: this.#listenerOf(leg),
        ...{ clock, random },
      },
      leg.abort.signal,
    );
  }

  #listenerOf(leg: Leg): LegListener {
    return {
      acknowledged: (filter) => {
        const again = leg.answer.type === 'honoured';
        leg.answer = { type: 'honoured', filter };
        this.#decide();
        if (again) this.#missed();
      },
      notified: async (data, method, params) => {
        await this.#acknowledged.promise;
        await this.#queue.room();
        if (this.#state.type === 'open') this.#news(data, method, params);
      },
      refused: (reply) => {
        if (leg.answer.type === 'none') leg.answer = { type: 'refused', reply };
        this.#decide();
      },
    };
  }

  /** Opens the client's stream once enough is known; from then on only the pods' changes matter. */
  #decide(force = false): void {
    if (this.#state.type !== 'opening') return;
    const answers = [...this.#legs.values()].map(({ answer }) => answer);
    const accepted = answers.flatMap((each) => (each.type === 'honoured' ? [each.filter] : []));
    const missing = answers.some(({ type }) => type === 'none');
    if (accepted.length === 0) {
      if (answers.length > 0 && !missing) this.#refuse(this.#refusal());
      return;
    }
    if (missing && !force) {
      if (!this.#gathering)
        this.#cleanups.push(this.#options.clock.schedule(GATHER_MS, () => this.#decide(true)));
      this.#gathering = true;
      return;
    }
    const honoured = unionOf(accepted);
    this.#state = { type: 'open', honoured };
    this.#tell(acknowledgement(this.#id, honoured));
    this.#opened.resolve({ type: 'stream', headers: {}, events: this.#queue.events });
    this.#acknowledged.resolve();
    if (isEmpty(honoured)) this.complete();
  }

  /** Why nobody listens: what a server said, or that none of them speaks this era. */
  #refusal(): PlainReply {
    for (const { answer } of this.#legs.values())
      if (answer.type === 'refused' && answer.reply !== undefined) return answer.reply;
    return problem(this.#exchange, unsupportedByLegacy(this.#exchange.requestedVersion ?? ''));
  }
}
