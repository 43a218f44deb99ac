/** The sessions of a bridge: each begun by `initialize`, ended by the client, by its silence, or with its process. */
import type { Clock, Random } from '../std/index.ts';
import type { CounterMetric, GaugeMetric, Logger, Metrics } from '../telemetry/index.ts';
import type { Conversation } from './conversation.ts';
import { OwnProcess } from './own-process.ts';
import { SharedProcess } from './shared-process.ts';

export interface BridgeTools {
  readonly command: readonly [string, ...string[]];
  /** A process for each session, or one for all. */
  readonly mode: 'PerSession' | 'Shared';
  readonly limits: {
    /** Sessions at once, and so processes where each has its own. */
    readonly childrenMax: number;
    /** A session nobody uses for so long is ended. */
    readonly idleTimeoutMs: number;
  };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** One client and the server behind it. */
export interface BridgeSession {
  readonly id: string;
  readonly conversation: Conversation;
  /** How the process ended; undefined while it lives. */
  ended: string | undefined;
  /** What the process said last on stderr. */
  lastWords(): string;
  /** Requests and streams that are open now. */
  open: number;
  /** By the monotonic clock. */
  lastUsed: number;
}

/** How often sessions are looked through for silent ones. */
const SWEEP_MS = 1_000;
const ID_BYTES = 18;

export class BridgeSessions {
  readonly #tools: BridgeTools;
  readonly #sessions = new Map<string, BridgeSession>();
  readonly #gauge: GaugeMetric;
  readonly #ends: CounterMetric;
  readonly #refusals: CounterMetric;
  readonly #dropped: CounterMetric;
  #shared: SharedProcess | undefined;
  #isStopped = false;
  #cancelSweep: () => void = () => undefined;

  constructor(tools: BridgeTools) {
    const { metrics } = tools;
    this.#tools = tools;
    this.#gauge = metrics.gauge('bridge_sessions', 'Sessions of the stdio server');
    this.#ends = metrics.counter('bridge_processes_ended_total', 'Server processes that ended', [
      'how',
    ]);
    this.#refusals = metrics.counter('bridge_sessions_refused_total', 'Sessions over the limit');
    this.#dropped = metrics.counter(
      'bridge_messages_dropped_total',
      'Messages of a server that nobody listened for',
    );
    this.#sweepLater();
  }

  /** Starts a session; undefined when there are as many as may be. */
  begin(): BridgeSession | undefined {
    const { limits, random, clock } = this.#tools;
    if (this.#sessions.size >= limits.childrenMax) {
      this.#refusals.inc();
      return undefined;
    }
    const id = Buffer.from(random.bytes(ID_BYTES)).toString('base64url');
    const onEnd = (how: string): void => {
      session.ended = how;
      this.#forget(id);
    };
    const lastUsed = clock.monotonic();
    const session: BridgeSession = {
      ...{ id, ended: undefined, open: 0, lastUsed },
      ...this.#converse(id, onEnd),
    };
    this.#sessions.set(id, session);
    this.#gauge.set(this.#sessions.size);
    return session;
  }

  /** A session that lives; it counts as used now. */
  find(id: string): BridgeSession | undefined {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.lastUsed = this.#tools.clock.monotonic();
    return session;
  }

  /** Ends a session; resolves when its process is gone. */
  async end(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    if (session === undefined) return;
    this.#forget(id);
    await session.conversation.close();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelSweep();
    await Promise.all([...this.#sessions.keys()].map((id) => this.end(id)));
    await this.#shared?.stop();
  }

  #converse(
    id: string,
    onEnd: (how: string) => void,
  ): Pick<BridgeSession, 'conversation' | 'lastWords'> {
    const { command, clock, logger, mode } = this.#tools;
    if (mode === 'PerSession') {
      const own = new OwnProcess({
        command,
        clock,
        // Enough to tell sessions apart, too little to use one.
        logger: logger.child({ session: id.slice(0, 6) }),
        onEnd: (how) => {
          this.#noteEnd(how);
          onEnd(how);
        },
        onDropped: () => this.#dropped.inc(),
      });
      return { conversation: own, lastWords: () => own.lastWords };
    }
    // A new one after a crash: whoever comes next starts it.
    if (this.#shared === undefined || this.#shared.isGone) {
      this.#shared = new SharedProcess({
        ...{ command, clock, logger },
        onEnd: (how) => this.#noteEnd(how),
      });
    }
    const shared = this.#shared;
    return { conversation: shared.open(onEnd), lastWords: () => shared.lastWords };
  }

  #forget(id: string): void {
    this.#sessions.delete(id);
    this.#gauge.set(this.#sessions.size);
  }

  #noteEnd(how: string): void {
    this.#ends.inc({ how: this.#isStopped || how === 'exit code 0' ? 'ended' : 'crashed' });
    this.#tools.logger.info('server process ended', { how });
  }

  #sweepLater(): void {
    const { clock, limits } = this.#tools;
    this.#cancelSweep = clock.schedule(SWEEP_MS, () => {
      const silentSince = clock.monotonic() - limits.idleTimeoutMs;
      for (const { id, open, lastUsed } of this.#sessions.values()) {
        if (open === 0 && lastUsed < silentSince) void this.end(id);
      }
      this.#sweepLater();
    });
  }
}
