/** A network that loses, repeats, delays and reorders messages, cuts links one way or both, and breaks connections. */
import type { Message } from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';
import type { EventQueue } from './event-queue.ts';
import type { SimMember } from './member.ts';
import { between, type Settings } from './settings.ts';
import type { TraceLog } from './trace-log.ts';

export interface NetworkPorts {
  readonly settings: Settings;
  readonly events: EventQueue;
  readonly trace: TraceLog;
  readonly random: Random;
  readonly members: ReadonlyMap<string, SimMember>;
  later(member: SimMember, delayMs: number, action: () => void): void;
  /** An announced snapshot reached its receiver, which must fetch it now. */
  announced(message: Message & { type: 'snapshot' }): void;
}

export class Network {
  readonly #ports: NetworkPorts;
  readonly #blocked = new Set<string>();
  /** Connections that broke: what was under way on the old one is gone. */
  readonly #connections = new Map<string, number>();
  /** When the last message of a link arrives, for links that keep their order. */
  readonly #arrivals = new Map<string, number>();
  loss = 0;
  duplication = 0;
  slow = 0;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  block(from: string, to: string): void {
    this.#blocked.add(`${from}>${to}`);
  }

  unblock(): void {
    this.#blocked.clear();
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}>${to}`);
  }

  heal(): void {
    this.unblock();
    this.loss = 0;
    this.duplication = 0;
    this.slow = 0;
  }

  send(message: Message): void {
    const { from, to, type } = message;
    const { random } = this.#ports;
    const lost = this.loss > 0 && random.next() < this.loss;
    if (lost || this.isBlocked(from, to)) return this.#lose(message);
    this.#deliverLater(message);
    // A stream never repeats a message by itself; a proposal that came twice would be two proposals.
    if (type === 'propose' || this.duplication === 0) return;
    if (random.next() < this.duplication) this.#deliverLater(message);
  }

  /** The connections of two members break: the next message between them travels on a new one. */
  reset(a: string, b: string): void {
    for (const link of [`${a}>${b}`, `${b}>${a}`]) {
      this.#connections.set(link, (this.#connections.get(link) ?? 0) + 1);
    }
  }

  #deliverLater(message: Message): void {
    const { settings, events, random } = this.#ports;
    const link = `${message.from}>${message.to}`;
    const connection = this.#connections.get(link);
    const slow = this.slow > 0 && random.next() < this.slow;
    let at = events.now + (slow ? between(random, 5, 250) : between(random, 0.1, 2));
    if (settings.fifo) {
      at = Math.max(at, this.#arrivals.get(link) ?? 0);
      this.#arrivals.set(link, at);
    }
    events.after(at - events.now, () => {
      if (this.#connections.get(link) === connection) this.#deliver(message);
      else this.#lose(message);
    });
  }

  #deliver(message: Message): void {
    const { members, trace, events, later, announced } = this.#ports;
    const member = members.get(message.to);
    if (member?.core === undefined) return this.#lose(message);
    const pausedMs = member.pausedUntil - events.now;
    if (pausedMs > 0) return later(member, pausedMs, () => this.#deliver(message));
    const { type, from, to, term } = message;
    trace.event(type, to, term, 0, () => `from ${from} ${describe(message)}`);
    if (type === 'snapshot') announced(message);
    else member.receive(message);
  }

  /** What is lost on a stream breaks it sooner or later, and the sender is told, which matters for snapshots only. */
  #lose(message: Message): void {
    const { members, trace, later, random } = this.#ports;
    const { type, from, to } = message;
    trace.event('lost', from, 0, 0, () => `${type} to ${to}`);
    const told = { snapshot: from, 'snapshot-response': to }[type as string];
    const sender = told === undefined ? undefined : members.get(told);
    if (sender?.core === undefined) return;
    const peer = told === from ? to : from;
    later(sender, between(random, 20, 200), () => sender.unreachable(peer));
  }
}

/** What a message says, for readers of the trace. */
export function describe(message: Message): string {
  const details = DETAILS[message.type] as ((message: Message) => string) | undefined;
  return `term ${message.term} ${details?.(message) ?? ''}`.trimEnd();
}

const DETAILS: { readonly [T in Message['type']]?: (message: Message & { type: T }) => string } = {
  append: ({ prevIndex, prevTerm, entries, commit }) =>
    `after ${prevIndex}/${prevTerm} +${entries.length} commit ${commit}`,
  'append-response': ({ rejected, index }) => `${rejected ? 'rejected' : 'has'} ${index}`,
  'vote-request': ({ preVote, lastIndex, lastTerm }) =>
    `${preVote ? 'pre ' : ''}${lastIndex}/${lastTerm}`,
  'vote-response': ({ preVote, granted }) => `${preVote ? 'pre ' : ''}${granted ? 'yes' : 'no'}`,
  snapshot: ({ meta }) => `of ${meta.index}/${meta.term}`,
  'snapshot-response': ({ index, arrived }) => `of ${index} ${arrived ? 'arrived' : 'failed'}`,
  'read-index-response': ({ context, index }) => `${context} at ${index}`,
  'propose-refusal': ({ reason }) => reason,
};
