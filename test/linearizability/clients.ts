/** Clients that read and write a few keys through whichever member, one call at a time, and write down what they saw. */
import { setTimeout as pause } from 'node:timers/promises';
import { integerBetween, type Random } from '../../src/std/index.ts';
import { MemberConnection, type Exchange } from './connection.ts';
import type { HistoryRecord } from './history.ts';
import type { Call } from './protocol.ts';

export interface WorkloadOptions {
  readonly clients: number;
  readonly keys: number;
  readonly controlPorts: readonly number[];
  /** Seeds what each client does; when it happens is up to the machine. */
  readonly random: Random;
}

const CALL_TIMEOUT_MS = 2_000;
/** A client thinks for a while between calls, so that the machine stays free enough to be fair. */
const THINKING_MS_MAX = 24;
const PAUSE_AFTER_REFUSAL_MS = 50;

export interface Workload {
  /** Everything that has been written down so far, in the order of answers. */
  readonly history: readonly HistoryRecord[];
  /** Ends the clients after their present calls. */
  stop(): Promise<void>;
}

export function startWorkload(options: WorkloadOptions): Workload {
  const shared: Shared = {
    history: [],
    seen: new Map(),
    nextProcess: options.clients,
    nextValue: 0,
    origin: process.hrtime.bigint(),
  };
  const stop = new AbortController();
  const clients = Array.from({ length: options.clients }, (_, process) =>
    new Client(options, shared, process).run(stop.signal),
  );
  return {
    history: shared.history,
    async stop() {
      stop.abort();
      await Promise.all(clients);
    },
  };
}

interface Shared {
  readonly history: HistoryRecord[];
  /** The value last seen of each key by anybody: what a cas compares with. */
  readonly seen: Map<string, string | null>;
  nextProcess: number;
  nextValue: number;
  readonly origin: bigint;
}

class Client {
  readonly #options: WorkloadOptions;
  readonly #shared: Shared;
  readonly #members: readonly MemberConnection[];
  #process: number;

  constructor(options: WorkloadOptions, shared: Shared, process: number) {
    this.#options = options;
    this.#shared = shared;
    this.#process = process;
    this.#members = options.controlPorts.map((port) => new MemberConnection(port));
  }

  async run(stopped: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!stopped.aborted) {
      const member = this.#members[integerBetween(random, 0, this.#members.length - 1)];
      const call = this.#nextCall();
      const start = this.#now();
      const exchange = await (member as MemberConnection).request(call, CALL_TIMEOUT_MS);
      const record = recordOf(call, exchange);
      if (record !== undefined) this.#write({ ...record, start, end: this.#now() });
      const refused = record === undefined || record.result === 'unknown';
      await pause(refused ? PAUSE_AFTER_REFUSAL_MS : integerBetween(random, 0, THINKING_MS_MAX));
    }
    for (const member of this.#members) member.close();
  }

  #now(): number {
    return Number(process.hrtime.bigint() - this.#shared.origin);
  }

  #write(record: Omit<HistoryRecord, 'process'>): void {
    this.#shared.history.push({ process: this.#process, ...record });
    // A process whose call has no known end is over: its successor has a name of its own.
    if (record.result === 'unknown') this.#process = this.#shared.nextProcess++;
    if (record.result === 'ok' && record.op !== 'get') {
      this.#shared.seen.set(record.key, record.value ?? null);
    } else if (record.output !== undefined) {
      this.#shared.seen.set(record.key, record.output);
    }
  }

  #nextCall(): Call {
    const { random, keys } = this.#options;
    const key = `k${integerBetween(random, 1, keys)}`;
    const kind = random.next();
    if (kind < 0.4) return { op: 'get', key };
    if (kind < 0.48) return { op: 'delete', key };
    const value = `v${++this.#shared.nextValue}`;
    if (kind < 0.7) return { op: 'put', key, value };
    return { op: 'cas', key, value, expected: this.#shared.seen.get(key) ?? null };
  }
}

/** What a call and its answer say together; undefined when they say nothing. */
function recordOf(
  call: Call,
  exchange: Exchange,
): Omit<HistoryRecord, 'process' | 'start' | 'end'> | undefined {
  if (exchange.outcome !== 'answered') {
    return exchange.outcome === 'not-sent' ? undefined : { ...call, result: 'unknown' };
  }
  const { response } = exchange;
  if (!('result' in response)) throw new Error('a status in answer to a call');
  if (response.result === 'ok' || response.result === 'fail') {
    return { ...call, result: response.result, output: response.output };
  }
  if (response.result === 'unknown') return { ...call, result: 'unknown' };
  if (call.op === 'get') return undefined;
  return { ...call, result: call.op === 'cas' ? 'unknown' : 'fail' };
}
