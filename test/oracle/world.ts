/** A cluster of our cores that does what it is told, in the same steps as the other side. */
import { required, unreachable } from '../../src/std/index.ts';
import type { ConfigChange, CoreStatus, Message, RaftCore } from '../../src/raft/core/index.ts';
import { describeMessage } from './describe.ts';
import type { ChangeEvent, Event, Setup } from './events.ts';
import { coreOf, Member, type CoreFactory } from './member.ts';

/** What is under way from one member to another, oldest first. */
export interface Flights {
  readonly from: number;
  readonly to: number;
  readonly messages: Message[];
}

export class World {
  readonly setup: Setup;
  readonly members = new Map<number, Member>();
  readonly flights = new Map<string, Flights>();
  /** What happened at all: messages that arrived, and configurations and roles that were there. */
  readonly seen = new Set<string>();
  #sent: { readonly pair: string; readonly text: string }[] = [];

  constructor(setup: Setup, createCore: CoreFactory) {
    this.setup = setup;
    for (const id of setup.members) {
      this.members.set(id, new Member(id, setup, createCore, (message) => this.#send(message)));
    }
  }

  #send(message: Message): void {
    const text = describeMessage(message);
    // What etcd's raft does not know is lost on the way: nothing may depend on it.
    if (text === undefined) return;
    const pair = `${message.from}>${message.to}`;
    let flights = this.flights.get(pair);
    if (flights === undefined) {
      flights = { from: Number(message.from), to: Number(message.to), messages: [] };
      this.flights.set(pair, flights);
    }
    flights.messages.push(message);
    this.#sent.push({ pair, text });
  }

  member(id: number): Member {
    return required(this.members.get(id), `member ${id}`);
  }

  /** Lets one event happen and says what can be seen after it: the member it happened to and what it sent, or everything. */
  do(event: Event): string {
    const member = this.#happen(event);
    const lines: string[] = [];
    if (event.op === 'drop') lines.push('lost');
    else if (member === undefined)
      for (const one of this.members.values()) lines.push(one.describe());
    else if (event.hold === true) lines.push(`${member.id} is held`);
    else {
      lines.push(member.describe());
      for (const { context, index } of member.reads) lines.push(`read ${context} index=${index}`);
      member.reads = [];
    }
    const sent = this.#sent.sort((a, b) => (a.pair < b.pair ? -1 : Number(a.pair > b.pair)));
    for (const { pair, text } of sent) lines.push(`${pair} ${text}`);
    this.#sent = [];
    return lines.join('\n');
  }

  #happen(event: Event): Member | undefined {
    if (event.op === 'compare') return undefined;
    if (event.op === 'drop') {
      this.#remove(event);
      return undefined;
    }
    const member = this.member(event.op === 'deliver' ? event.to : event.node);
    if (event.op === 'crash') {
      member.crash(event.count);
      return member;
    }
    if (event.op === 'restart') member.restart();
    const core = coreOf(member);
    if (event.op === 'deliver') {
      const message = event.keep ? this.#peek(event) : this.#remove(event);
      this.seen.add(message.type);
      core.step(message);
    } else {
      act(member, core, event);
    }
    if (event.hold !== true) member.pump();
    this.#look(core.status());
    return member;
  }

  #look({ role, configuration, transferee }: CoreStatus): void {
    this.seen.add(role);
    if (configuration.votersOutgoing.length > 0) {
      this.seen.add(configuration.autoLeave ? 'joint, left by itself' : 'joint, left when told');
    }
    if (configuration.learnersNext.length > 0) this.seen.add('demoted');
    if (configuration.learners.length > 0) this.seen.add('learner');
    if (transferee !== undefined) this.seen.add('transfer');
  }

  #queue({ from, to }: { readonly from: number; readonly to: number }): Message[] {
    return required(this.flights.get(`${from}>${to}`), `messages from ${from} to ${to}`).messages;
  }

  #peek(place: { from: number; to: number; position: number }): Message {
    return required(this.#queue(place)[place.position], `message ${place.position}`);
  }

  #remove(place: { from: number; to: number; position: number }): Message {
    const message = this.#peek(place);
    this.#queue(place).splice(place.position, 1);
    return message;
  }
}

type OwnEvent = Exclude<Event, { readonly op: 'deliver' | 'drop' | 'crash' | 'compare' }>;

function act(member: Member, core: RaftCore, event: OwnEvent): void {
  switch (event.op) {
    case 'tick':
      for (let i = 0; i < event.count; i++) core.tick();
      return;
    case 'campaign':
      return core.campaign();
    case 'propose':
      core.propose(
        event.data.map((text) => new TextEncoder().encode(text)),
        0,
      );
      return;
    case 'change':
      core.proposeConfig(changeOf(event), 0);
      return;
    case 'persist':
      return member.persist();
    case 'apply':
      return member.apply();
    case 'compact':
      return member.compact(event.index, event.through);
    case 'transfer':
      core.transferLeadership(String(event.peer));
      return;
    case 'forget':
      core.forgetLeader();
      return;
    case 'unreachable':
      return core.reportUnreachable(String(event.peer));
    case 'snapshot-reported':
      return core.reportSnapshot(String(event.peer), event.arrived);
    case 'read':
      core.readIndex(event.data[0]);
      return;
    case 'restart':
      return;
    default:
      unreachable(event);
  }
}

export function changeOf({ transition, changes }: Omit<ChangeEvent, 'op' | 'node'>): ConfigChange {
  return { transition, changes: changes.map(({ type, id }) => ({ type, id: String(id) })) };
}
