/**
 * Is a concurrent history linearizable? Wing and Gong's search with Lowe's cache, one key at a time (linearizability is
 * local), improved in one respect: an operation nobody knows the outcome of may take effect at any later time or never.
 * So of two configurations that differ only in which of those took effect, the one with fewer can do all the other can,
 * and configurations are tried in the order of how many they have used. A history full of time-outs stays cheap.
 */

/** One call of a client. Two calls whose intervals share an instant are concurrent. */
export interface Operation {
  readonly key: string;
  readonly start: number;
  /** Undefined: nobody knows whether and when it took effect. */
  readonly end: number | undefined;
}

export type State = string | number | null;

/** The sequential meaning of the operations on one key. */
export interface Model<O extends Operation, S extends State = State> {
  readonly initial: S;
  /** The state after `operation`, or undefined when it cannot have answered what it did. One without end always can. */
  step(state: S, operation: O): S | undefined;
}

export type Verdict<O extends Operation> =
  | { readonly verdict: 'linearizable' }
  /** `stuck`: the earliest operation that no order of the others explains; `states` it was tried in. */
  | {
      readonly verdict: 'not-linearizable';
      readonly key: string;
      readonly stuck: O;
      readonly states: readonly State[];
    }
  /** The search was given up. */
  | { readonly verdict: 'undecided'; readonly key: string };

/** Half a minute, about. */
const STEPS_MAX = 50_000_000;

/** Judges `history` under `model`; gives up on a key after `stepsMax` (default 50 million) comparisons of configurations. */
export function checkLinearizable<O extends Operation>(
  model: Model<O>,
  history: readonly O[],
  stepsMax = STEPS_MAX,
): Verdict<O> {
  const byKey = Map.groupBy(history, ({ key }) => key);
  let undecided: Verdict<O> | undefined;
  for (const [key, operations] of byKey) {
    const verdict = new Search(model, key, operations, stepsMax).run();
    if (verdict.verdict === 'not-linearizable') return verdict;
    if (verdict.verdict === 'undecided') undecided ??= verdict;
  }
  return undecided ?? { verdict: 'linearizable' };
}

/** How far an order of the operations has come. */
interface Configuration {
  /** All answered operations before this one, by time of answer, are in the order; this one is not. */
  readonly first: number;
  /** Bit i: the answered operation `first + i` is in the order. */
  readonly ahead: bigint;
  /** Bit i: the unanswered operation i is in the order. */
  readonly used: bigint;
  readonly usedCount: number;
  readonly state: State;
  /** The state before the last operation, if that one was unanswered. */
  readonly before?: State;
}

class Search<O extends Operation> {
  readonly #model: Model<O>;
  readonly #key: string;
  readonly #stepsMax: number;
  #steps = 0;
  /** Answered operations by time of answer. */
  readonly #answered: readonly O[];
  readonly #unanswered: readonly O[];
  /** Per answered operation, the last one that began before it was answered. */
  readonly #reach: readonly number[];
  /** Configurations still to try, by how many unanswered operations they have used; the newest first. */
  readonly #waiting: Configuration[][] = [[]];
  /** By everything else, the sets of used operations tried already, none of which contains another. */
  readonly #tried = new Map<string, bigint[]>();
  readonly #stateIds = new Map<State, number>();
  #deepest = -1;
  #deepestStates = new Set<State>();

  constructor(model: Model<O>, key: string, operations: readonly O[], stepsMax: number) {
    this.#model = model;
    this.#key = key;
    this.#stepsMax = stepsMax;
    this.#answered = operations
      .filter(({ end }) => end !== undefined)
      .sort((a, b) => end(a) - end(b));
    this.#unanswered = operations
      .filter(({ end }) => end === undefined)
      .sort((a, b) => a.start - b.start);
    this.#reach = reachOf(this.#answered);
  }

  run(): Verdict<O> {
    this.#push({ first: 0, ahead: 0n, used: 0n, usedCount: 0, state: this.#model.initial });
    for (;;) {
      const configuration = this.#next();
      if (configuration === undefined) break;
      if (configuration.first === this.#answered.length) return { verdict: 'linearizable' };
      if (!this.#isNew(configuration, true)) continue;
      if (this.#steps > this.#stepsMax) return { verdict: 'undecided', key: this.#key };
      this.#note(configuration);
      this.#expand(configuration);
    }
    return {
      verdict: 'not-linearizable',
      key: this.#key,
      stuck: this.#answered[this.#deepest] as O,
      states: [...this.#deepestStates],
    };
  }

  #next(): Configuration | undefined {
    return this.#waiting.find((stack) => stack.length > 0)?.pop();
  }

  #push(configuration: Configuration): void {
    if (configuration.first < this.#answered.length && !this.#isNew(configuration, false)) return;
    while (this.#waiting.length <= configuration.usedCount) this.#waiting.push([]);
    this.#waiting[configuration.usedCount]?.push(configuration);
  }

  /** False when a configuration tried already can do all this one can. */
  #isNew({ first, ahead, used, state }: Configuration, remember: boolean): boolean {
    const key = `${first}.${ahead.toString(32)}.${this.#idOf(state)}`;
    const tried = this.#tried.get(key);
    this.#steps += 1 + (tried?.length ?? 0);
    if (tried === undefined) {
      if (remember) this.#tried.set(key, [used]);
      return true;
    }
    if (tried.some((fewer) => (fewer & used) === fewer)) return false;
    if (remember) tried.push(used);
    return true;
  }

  /** A short name for a state that may be a long text. */
  #idOf(state: State): number {
    const known = this.#stateIds.get(state);
    if (known !== undefined) return known;
    this.#stateIds.set(state, this.#stateIds.size);
    return this.#stateIds.size - 1;
  }

  #note({ first, state }: Configuration): void {
    if (first < this.#deepest) return;
    if (first > this.#deepest) this.#deepestStates = new Set();
    this.#deepest = first;
    this.#deepestStates.add(state);
  }

  /** Every operation that may come next: it began before the first missing one was answered. */
  #expand(configuration: Configuration): void {
    const { first, ahead, used, usedCount, state, before } = configuration;
    const limit = end(this.#answered[first] as O);
    for (const [i, operation] of this.#unanswered.entries()) {
      if (operation.start > limit) break;
      const next = this.#model.step(state, operation);
      if (next === undefined || next === state) continue;
      // It hides the unanswered operation before it, which then need not have happened.
      if (before !== undefined && this.#model.step(before, operation) === next) continue;
      const bit = 1n << BigInt(i);
      if ((used & bit) !== 0n) continue;
      this.#push({
        first,
        ahead,
        used: used | bit,
        usedCount: usedCount + 1,
        state: next,
        before: state,
      });
    }
    // The one answered first is pushed last, and so tried first.
    for (let i = this.#reach[first] as number; i >= first; i--) {
      const operation = this.#answered[i] as O;
      const bit = 1n << BigInt(i - first);
      if (operation.start > limit || (ahead & bit) !== 0n) continue;
      const next = this.#model.step(state, operation);
      if (next === undefined) continue;
      this.#push({ ...forward(first, ahead | bit), used, usedCount, state: next });
    }
  }
}

/** Moves on over the operations at the front that are in the order. */
function forward(first: number, ahead: bigint): { first: number; ahead: bigint } {
  while ((ahead & 1n) === 1n) {
    ahead >>= 1n;
    first += 1;
  }
  return { first, ahead };
}

const end = (operation: Operation): number => operation.end as number;

function reachOf(answered: readonly Operation[]): number[] {
  const byStart = [...answered.entries()].sort(([, a], [, b]) => a.start - b.start);
  let last = -1;
  let next = 0;
  return answered.map((operation) => {
    for (; next < byStart.length; next++) {
      const [index, { start }] = byStart[next] as (typeof byStart)[number];
      if (start > end(operation)) break;
      last = Math.max(last, index);
    }
    return last;
  });
}
