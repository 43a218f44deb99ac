/** The members of a scenario and the network between them; nothing moves unless it is told to. */
import assert from 'node:assert/strict';
import type { Entry, Message, Ready } from '../../src/raft/core/index.ts';
import { describeApply, describeMessage, describeReady, describeWrite } from './describe.ts';
import type { Member } from './member.ts';
import { Network, type Parcel, type Selection } from './network.ts';

export class Environment {
  readonly members: Member[] = [];
  /** Types of messages that get lost without a word: etcd has none like them. */
  readonly #lost: ReadonlySet<Message['type']>;
  readonly network = new Network();
  #lines: string[] = [];
  #indent = '';

  constructor(lost: readonly Message['type'][] = []) {
    this.#lost = new Set(lost);
  }

  member(id: string): Member {
    const member = this.members.find((one) => one.id === id);
    assert.ok(member !== undefined, `there is no member ${id}`);
    return member;
  }

  print(...lines: readonly string[]): void {
    for (const line of lines) this.#lines.push(this.#indent + line);
  }

  /** What was printed since the last call. */
  takeOutput(): string {
    const output = this.#lines.join('\n');
    this.#lines = [];
    return output;
  }

  send(messages: readonly Message[]): void {
    for (const message of this.#known(messages)) {
      this.network.post({ kind: 'message', to: message.to, message });
    }
  }

  /** Does for each of `ids` what `work` says, under a headline if there are several. */
  each(ids: readonly string[], title: string, work: (member: Member) => void): void {
    for (const id of ids) {
      if (ids.length > 1) this.#section(`> ${id} ${title}`, () => work(this.member(id)));
      else work(this.member(id));
    }
  }

  processReady(member: Member): void {
    const ready = member.core.ready();
    if (member.options.asyncWrites) this.#processReadyAsync(member, ready);
    else this.#processReadySync(member, ready);
  }

  #processReadySync(member: Member, ready: Ready): void {
    const { core, id } = member;
    member.write(ready);
    if (ready.mark !== undefined) core.persisted(ready.mark);
    const committed = core.takeCommitted();
    const [own, others] = partition(ready.messagesAfterSync, ({ to }) => to === id);
    const messages = [...ready.messages, ...others];
    this.#printReady(ready, committed, messages, []);
    this.send(messages);
    // In etcd a configuration is in force before the own promises are heard, and all else is applied after them.
    const changes = committed.some(({ kind }) => kind === 'config');
    if (changes) member.finishApply(committed);
    for (const message of own) core.step(message);
    if (!changes) member.finishApply(committed);
  }

  #processReadyAsync(member: Member, ready: Ready): void {
    const { core, id } = member;
    const committed = core.takeCommitted();
    const work: string[] = [];
    const promises = this.#known(ready.messagesAfterSync);
    const { entries, hardState, snapshot } = ready;
    if (entries.length > 0 || hardState || snapshot || promises.length > 0) {
      member.writes.push(ready);
      work.push(describeWrite(id, ready), ...promises.map(describeMessage));
    }
    if (committed.length > 0) {
      member.applies.push(committed);
      work.push(describeApply(id, committed));
    }
    this.#printReady(ready, committed, ready.messages, work);
    this.send(ready.messages);
  }

  #printReady(
    ready: Ready,
    committed: readonly Entry[],
    messages: readonly Message[],
    work: readonly string[],
  ): void {
    const texts = this.#known(messages).map(describeMessage);
    this.print(...describeReady(ready, committed, [...texts, ...work]));
  }

  #known(messages: readonly Message[]): Message[] {
    return messages.filter(({ type }) => !this.#lost.has(type));
  }

  /** The oldest write of `member` reaches the disk. */
  processWrite(member: Member): void {
    const ready = member.writes.shift();
    if (ready === undefined) return this.print('no append work to perform');
    member.write(ready);
    const promises = this.#known(ready.messagesAfterSync);
    this.print('Processing:', describeWrite(member.id, ready));
    this.print('Responses:', ...promises.map(describeMessage));
    this.send(promises);
    const { mark } = ready;
    if (mark !== undefined) this.network.post({ kind: 'written', to: member.id, mark });
  }

  /** The oldest entries that wait enter the state machine of `member`. */
  processApply(member: Member): void {
    const entries = member.applies.shift();
    if (entries === undefined) return this.print('no apply work to perform');
    this.print('Processing:', describeApply(member.id, entries), 'Responses:');
    this.network.post({ kind: 'applied', to: member.id, entries });
  }

  /** Delivers, or drops, the messages selected. Returns how many. */
  deliver(selection: Selection, drop: boolean): number {
    const parcels = this.network.take(selection, drop);
    for (const parcel of parcels) {
      if (parcel.kind === 'message') {
        this.print((drop ? 'dropped: ' : '') + describeMessage(parcel.message));
      }
      if (!drop) this.#hand(parcel);
    }
    return parcels.length;
  }

  #hand(parcel: Parcel): void {
    const member = this.member(parcel.to);
    if (parcel.kind === 'message') member.core.step(parcel.message);
    else if (parcel.kind === 'written') member.core.persisted(parcel.mark);
    else member.finishApply(parcel.entries);
  }

  /** Lets `ids` work and talk until there is nothing left to do. */
  stabilize(ids: readonly string[]): void {
    const members = ids.map((id) => this.member(id));
    for (let round = 0, busy = true; busy; round++) {
      assert.ok(round < 1000, 'it never comes to rest');
      busy = false;
      const section = (member: Member, title: string, work: () => void): void => {
        this.#section(`> ${member.id} ${title}`, work);
        busy = true;
      };
      for (const member of members) {
        const { core } = member;
        if (!core.hasReady() && !core.hasCommitted()) continue;
        section(member, 'handling Ready', () => this.processReady(member));
      }
      for (const member of members) {
        if (!this.network.isBusy(member.id)) continue;
        section(member, 'receiving messages', () => this.deliver({ to: member.id }, false));
      }
      for (const member of members) {
        if (member.writes.length === 0) continue;
        section(member, 'processing append thread', () => {
          while (member.writes.length > 0) this.processWrite(member);
        });
      }
      for (const member of members) {
        if (member.applies.length === 0) continue;
        section(member, 'processing apply thread', () => {
          while (member.applies.length > 0) this.processApply(member);
        });
      }
    }
  }

  /** The process of `member` dies: what its disk and its state machine were about to say is never said. */
  restart(member: Member): void {
    this.network.forgetLocal(member.id);
    member.restart();
  }

  #section(title: string, work: () => void): void {
    this.print(title);
    this.#indent = '  ';
    work();
    this.#indent = '';
  }
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))];
}
