/** Tells the other pods what was used of the rate limits and hears the same from them, over the port gateways share. */
import type { Clock } from '../../std/index.ts';
import { plain, refused, type OwnerReply, type OwnerRequest } from '../exchange.ts';
import type { Cluster, Member, Owner } from '../ports.ts';
import { EXCHANGE_MS, HURRY_MS, type RateGroup } from './core/rate-group.ts';
import type { AdmissionMetrics } from './metrics.ts';
import { decodeRates, encodeRates } from './rate-wire.ts';

/** Pods asked in one round; where there are more, it is everybody's turn after some rounds. */
const ASKED_MAX = 64;
const ANSWER_MS = 2 * EXCHANGE_MS;

export interface RateExchangeOptions {
  readonly group: RateGroup;
  readonly cluster: Cluster;
  /** Asks another pod; never rejects. */
  readonly ask: (member: Member, request: OwnerRequest, signal: AbortSignal) => Promise<OwnerReply>;
  /** False while there is nothing to tell. */
  readonly needed: () => boolean;
  readonly clock: Clock;
  readonly metrics: AdmissionMetrics;
}

export interface RateExchange {
  start(): void;
  stop(): void;
  /** There is news that should not wait for the next round. */
  hurry(): void;
  /** Milliseconds since the last round. */
  sinceMs(): number;
  /** Answers what another pod told with what this one has to tell. */
  answer(request: OwnerRequest): OwnerReply;
}

/** An incarnation as one word. */
const idOf = ({ node, instance }: Owner): string => `${node}/${instance}`;
const ownerOf = (id: string): Owner => {
  const slash = id.indexOf('/');
  return { node: id.slice(0, slash), instance: id.slice(slash + 1) };
};

export function createRateExchange(options: RateExchangeOptions): RateExchange {
  const rounds = new Rounds(options);
  const { clock } = options;
  let lastRound = clock.monotonic();
  let running = false;
  let cancel = (): void => undefined;
  const schedule = (delayMs: number): void => {
    cancel();
    cancel = clock.schedule(delayMs, () => {
      if (!running) return;
      lastRound = clock.monotonic();
      if (options.needed()) rounds.next();
      schedule(EXCHANGE_MS);
    });
  };
  return {
    start() {
      running = true;
      schedule(EXCHANGE_MS);
    },
    stop() {
      running = false;
      cancel();
    },
    hurry() {
      if (running) schedule(Math.max(0, lastRound + HURRY_MS - clock.monotonic()));
    },
    sinceMs: () => clock.monotonic() - lastRound,
    answer: (request) => rounds.answer(request),
  };
}

/** What happens in a round; when there is one, is decided above. */
class Rounds {
  readonly #options: RateExchangeOptions;
  readonly #self: string;
  /** Who has not answered yet. */
  readonly #asked = new Set<string>();
  #turn = 0;

  constructor(options: RateExchangeOptions) {
    this.#options = options;
    this.#self = idOf(options.cluster.self);
  }

  next(): void {
    const { group, cluster, clock } = this.#options;
    const sharing = this.#sharing();
    const round = group.round(clock.monotonic(), sharing);
    const members = cluster.members().filter((member) => sharing.includes(idOf(member)));
    const body = members.length === 0 ? '' : this.#message();
    for (let index = 0; index < Math.min(members.length, ASKED_MAX); index++) {
      const member = members[(this.#turn + index) % members.length];
      if (member !== undefined) void this.#tell(member, body, round);
    }
    this.#turn += ASKED_MAX;
  }

  answer(request: OwnerRequest): OwnerReply {
    const { group, clock } = this.#options;
    const told = decodeRates(request.body);
    if (told === undefined) return refused('unreachable', false, 'not a word about rates');
    group.hear(told.from, told.report, clock.monotonic());
    return plain(200, this.#message());
  }

  /** Who shares the limits: all but those the cluster agrees to be gone. A pod that is cut off never learns of that. */
  #sharing(): readonly string[] {
    const { cluster, group } = this.#options;
    const ids = new Set([...cluster.members().map(idOf), ...group.known]);
    ids.delete(this.#self);
    return [...ids].filter((id) => cluster.ownerState(ownerOf(id)) !== 'gone');
  }

  async #tell(member: Member, body: string, round: number): Promise<void> {
    const { group, clock, metrics } = this.#options;
    const id = idOf(member);
    if (this.#asked.has(id)) return;
    this.#asked.add(id);
    const late = new AbortController();
    const cancelLate = clock.schedule(ANSWER_MS, () => late.abort());
    const request = { op: 'rates', sessionId: '', epoch: 0, headers: {}, body } as const;
    const reply = await this.#options.ask(member, request, late.signal);
    cancelLate();
    this.#asked.delete(id);
    const answer = reply.type === 'plain' ? decodeRates(reply.body) : undefined;
    metrics.rateExchanges.inc({ outcome: answer === undefined ? 'failed' : 'answered' });
    if (answer?.from !== id) return;
    group.hear(id, answer.report, clock.monotonic());
    group.acknowledge(id, round, clock.monotonic());
  }

  #message(): string {
    return encodeRates({ from: this.#self, report: this.#options.group.report() });
  }
}
