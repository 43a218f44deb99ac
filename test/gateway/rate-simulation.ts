/** n pods that enforce one rate limit together, in virtual time: seeded load, late and lost words, deaths and partitions. */
import {
  EXCHANGE_MS,
  HURRY_MS,
  RateGroup,
  type RateReport,
} from '../../src/gateway/admission/core/rate-group.ts';
import { required, seededRandom, type Random } from '../../src/std/index.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly pods: number;
  readonly requests: number;
  readonly intervalMs: number;
  readonly burst: number;
  readonly durationMs: number;
  /** Requests per second that come to each pod at an instant. */
  readonly load: (atMs: number) => readonly number[];
  /** Part of the words that get lost. */
  readonly loss?: number;
  /** Called at each step; may kill pods and cut them off. */
  readonly fault?: (atMs: number, world: SimulatedPods) => void;
}

export interface SimulatedPods {
  /** Ends a pod; the others are told that it is gone. */
  kill(pod: number): void;
  /** No word passes to or from a pod any more, and nobody knows whether it lives. */
  cut(pod: number): void;
  /** The cluster agrees that a pod which is cut off is gone. */
  declareGone(pod: number): void;
  /** A pod's part of the limit, 0 to 1. */
  share(pod: number): number;
}

export interface SimulationResult {
  /** Admitted by each pod, by second. */
  readonly admitted: readonly (readonly number[])[];
  /** What one token bucket for all would have admitted of the same requests, by second. */
  readonly ideal: readonly number[];
  /** Requests by second. */
  readonly asked: readonly number[];
}

interface Pod {
  readonly group: RateGroup;
  nextExchange: number;
  lastExchange: number;
  hurry: boolean;
  alive: boolean;
  cut: boolean;
  gone: boolean;
}

/** A report, or the answer to the report of a round. */
interface Message {
  readonly at: number;
  readonly to: number;
  readonly from: number;
  readonly report: RateReport;
  readonly round: number;
  readonly type: 'question' | 'answer';
}

const STEP_MS = 1;
const LIMIT = 'limit';

export function simulateRates(options: SimulationOptions): SimulationResult {
  const random = seededRandom(options.seed);
  const { requests, intervalMs, burst, durationMs } = options;
  const seconds = Math.ceil(durationMs / 1_000);
  const zeros = (): number[] => Array.from({ length: seconds }, () => 0);
  const admitted = Array.from({ length: options.pods }, zeros);
  const [ideal, asked] = [zeros(), zeros()];
  const pods = Array.from({ length: options.pods }, (): Pod => {
    const group = new RateGroup(0);
    group.configure([{ name: LIMIT, requests, intervalMs, burst }]);
    const nextExchange = random.next() * EXCHANGE_MS;
    return {
      group,
      nextExchange,
      lastExchange: 0,
      hurry: false,
      alive: true,
      cut: false,
      gone: false,
    };
  });
  const inFlight: Message[] = [];
  const world: SimulatedPods = {
    kill: (pod) => Object.assign(required(pods[pod], 'pod'), { alive: false, gone: true }),
    cut: (pod) => Object.assign(required(pods[pod], 'pod'), { cut: true }),
    declareGone: (pod) => Object.assign(required(pods[pod], 'pod'), { gone: true }),
    share: (pod) => required(pods[pod]?.group.bucket(LIMIT, '', clock), 'pod').weight,
  };
  let clock = 0;
  let tokens = burst;
  for (let now = 0; now < durationMs; now += STEP_MS) {
    clock = now;
    options.fault?.(now, world);
    const second = Math.floor(now / 1_000);
    tokens = Math.min(burst, tokens + (STEP_MS * requests) / intervalMs);
    for (const message of inFlight.filter(({ at }) => at <= now)) {
      inFlight.splice(inFlight.indexOf(message), 1);
      deliver(message, now);
    }
    for (const [index, pod] of pods.entries()) {
      if (!pod.alive) continue;
      if (now >= pod.nextExchange || (pod.hurry && now >= pod.lastExchange + HURRY_MS)) {
        pod.nextExchange = now + EXCHANGE_MS;
        pod.lastExchange = now;
        pod.hurry = false;
        exchange(index, now);
      }
      const rate = options.load(now)[index] ?? 0;
      for (let count = arrivals(random, (rate * STEP_MS) / 1_000); count > 0; count--) {
        asked[second] = (asked[second] ?? 0) + 1;
        if (tokens >= 1) {
          tokens -= 1;
          ideal[second] = (ideal[second] ?? 0) + 1;
        }
        const bucket = required(pod.group.bucket(LIMIT, '', now), 'the limit is in force');
        if (!bucket.ask(now, 1)) {
          pod.hurry ||= bucket.surprised(now - pod.lastExchange);
          continue;
        }
        bucket.take(1);
        const own = required(admitted[index], 'pod');
        own[second] = (own[second] ?? 0) + 1;
      }
    }
  }
  return { admitted, ideal, asked };

  function exchange(index: number, now: number): void {
    const self = required(pods[index], 'pod');
    // A pod that is cut off never learns what the others agreed on meanwhile.
    const others = [...pods.keys()].filter(
      (other) => other !== index && !(pods[other]?.gone === true && !self.cut),
    );
    const round = self.group.round(now, others.map(String));
    const report = self.group.report();
    for (const to of others) send({ to, from: index, report, round, type: 'question' }, now);
  }

  function send(message: Omit<Message, 'at'>, now: number): void {
    const cut = pods[message.from]?.cut === true || pods[message.to]?.cut === true;
    if (cut || random.next() < (options.loss ?? 0)) return;
    inFlight.push({ ...message, at: now + 1 + random.next() * 20 });
  }

  function deliver({ to, from, report, round, type }: Message, now: number): void {
    const pod = required(pods[to], 'pod');
    if (!pod.alive) return;
    pod.group.hear(String(from), report, now);
    if (type === 'answer') pod.group.acknowledge(String(from), round, now);
    else send({ to: from, from: to, report: pod.group.report(), round, type: 'answer' }, now);
  }
}

/** A Poisson number with a small mean. */
function arrivals(random: Random, mean: number): number {
  let count = 0;
  for (let product = random.next(); product > Math.exp(-mean); product *= random.next()) count += 1;
  return count;
}
