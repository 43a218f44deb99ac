/** Cores without disk and network: a test says what is delivered, written and lost, one message at a time. */
import {
  configurationOf,
  createRaftCore,
  type Configuration,
  type CoreConfig,
  type Entry,
  type Message,
  type RaftCore,
  type ReadState,
  type StoredState,
} from '../../../src/raft/core/index.ts';
import { seededRandom } from '../../../src/std/index.ts';

export const ELECTION_TICKS = 10;

export function entries(...terms: number[]): Entry[] {
  return terms.map((term, i) => ({
    index: i + 1,
    term,
    kind: 'command',
    data: Buffer.from(`${i + 1}.${term}`),
  }));
}

export function stored(
  term = 0,
  log: readonly Entry[] = [],
  more: Partial<StoredState['hardState']> = {},
  configuration: Partial<Configuration> = {},
): StoredState {
  const members = { ...configurationOf(['a', 'b', 'c']), ...configuration };
  return {
    hardState: { term, vote: undefined, commit: 0, ...more },
    snapshot: { index: 0, term: 0, configuration: members },
    entries: log,
  };
}

export function core(
  id: string,
  from: StoredState = stored(),
  config: Partial<CoreConfig> = {},
): RaftCore {
  return createRaftCore(
    {
      id,
      groupId: 'g',
      electionTicks: { min: ELECTION_TICKS, max: 2 * ELECTION_TICKS - 1 },
      retryTicks: { min: ELECTION_TICKS, max: 2 * ELECTION_TICKS - 1 },
      heartbeatTicks: 1,
      quorumCheckTicks: ELECTION_TICKS,
      random: seededRandom(id.charCodeAt(0)),
      preVote: true,
      checkQuorum: true,
      leaseReads: false,
      forwardProposals: true,
      stepDownOnRemoval: true,
      gatherFirstAppend: true,
      appendBytesMax: 2 ** 20,
      applyBytesMax: 2 ** 20,
      inflightMessagesMax: 256,
      inflightBytesMax: 2 ** 20,
      uncommittedBytesMax: 2 ** 20,
      pendingReadsMax: 100,
      promotionLagMax: 0,
      ...config,
    },
    from,
  );
}

/** Does what a driver does with a disk that is always fast, and returns what leaves for others. */
export function drain(node: RaftCore, self: string, sink: Partial<Drained> = {}): Message[] {
  const sent: Message[] = [];
  while (node.hasReady() || node.hasCommitted()) {
    const ready = node.ready();
    sink.reads?.push(...ready.readStates);
    sink.written?.push(...ready.entries);
    sent.push(...ready.messages);
    if (ready.mark !== undefined) node.persisted(ready.mark);
    for (const message of ready.messagesAfterSync) {
      if (message.to === self) node.step(message);
      else sent.push(message);
    }
    const committed = node.takeCommitted();
    sink.applied?.push(...committed);
    const last = committed.at(-1);
    if (last !== undefined) node.applied(last.index);
  }
  return sent;
}

export interface Drained {
  readonly reads: ReadState[];
  readonly applied: Entry[];
  readonly written: Entry[];
}

/** A few cores and the messages between them. */
export class Network {
  readonly nodes = new Map<string, RaftCore>();
  readonly reads = new Map<string, ReadState[]>();
  readonly applied = new Map<string, Entry[]>();
  /** The log of each node as it was written. */
  readonly logs = new Map<string, Entry[]>();
  readonly #cut = new Set<string>();

  constructor(
    nodes: Readonly<Record<string, RaftCore>>,
    logs: Readonly<Record<string, Entry[]>> = {},
  ) {
    for (const [id, node] of Object.entries(nodes)) {
      this.nodes.set(id, node);
      this.reads.set(id, []);
      this.applied.set(id, []);
      this.logs.set(id, [...(logs[id] ?? [])]);
    }
  }

  node(id: string): RaftCore {
    return this.nodes.get(id) as RaftCore;
  }

  /** Messages between `a` and `b` are lost, in both directions. */
  cut(a: string, b: string): void {
    this.#cut.add(`${a}>${b}`).add(`${b}>${a}`);
  }

  isolate(id: string): void {
    for (const other of this.nodes.keys()) if (other !== id) this.cut(id, other);
  }

  heal(): void {
    this.#cut.clear();
  }

  /** Everything the node wants to send now; nothing is delivered. */
  take(id: string): Message[] {
    const written: Entry[] = [];
    const sink = {
      reads: this.reads.get(id) as ReadState[],
      applied: this.applied.get(id) as Entry[],
      written,
    };
    const sent = drain(this.node(id), id, sink);
    const log = this.logs.get(id) as Entry[];
    for (const entry of written) {
      log.length = entry.index - 1;
      log.push(entry);
    }
    return sent.filter(({ to }) => !this.#cut.has(`${id}>${to}`));
  }

  /** Delivers until nobody has anything to say. */
  settle(): void {
    for (;;) {
      const sent = [...this.nodes.keys()].flatMap((id) => this.take(id));
      if (sent.length === 0) return;
      this.deliver(sent);
    }
  }

  deliver(messages: readonly Message[]): void {
    for (const message of messages) this.nodes.get(message.to)?.step(message);
  }

  /** Time passes for everyone, with all messages delivered after each tick. */
  tick(count: number, ...ids: string[]): void {
    for (let i = 0; i < count; i++) {
      for (const [id, node] of this.nodes) if (ids.length === 0 || ids.includes(id)) node.tick();
      this.settle();
    }
  }

  elect(id: string): void {
    this.node(id).campaign();
    this.settle();
  }

  leaders(): string[] {
    return [...this.nodes].filter(([, n]) => n.status().role === 'leader').map(([id]) => id);
  }

  terms(id: string): number[] {
    return (this.logs.get(id) as Entry[]).map(({ term }) => term);
  }
}

export function three(config: Partial<CoreConfig> = {}): Network {
  return new Network({
    a: core('a', stored(), config),
    b: core('b', stored(), config),
    c: core('c', stored(), config),
  });
}

export const text = (value: string): Uint8Array => Buffer.from(value);
