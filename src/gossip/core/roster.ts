/** Everything one member believes about the cluster: its own record, the others', whose suspicion runs, what is news. */
import type { MemberChange, MemberRecord } from './model.ts';
import { changesBetween, isLive, merge, refute } from './records.ts';
import { createRumours } from './rumours.ts';

/** Records of news in one message, besides the sender's and the receiver's own. */
const NEWS_PER_MESSAGE_MAX = 24;
/** Members that may be known at once; records of more are ignored. */
const MEMBERS_MAX = 1024;

export interface RosterOptions {
  readonly self: MemberRecord;
  readonly suspicionMs: number;
  readonly forgetAfterMs: number;
}

export class Roster {
  self: MemberRecord;
  /** Changes since the driver last asked. */
  readonly changes: MemberChange[] = [];
  /** Somebody's state changed just now: the others should hear of it at once. */
  urgent = false;
  /** Until the first full exchange, dead members nobody told us about are worth knowing; later they are old news. */
  joined = false;
  readonly #options: RosterOptions;
  readonly #others = new Map<string, MemberRecord>();
  /** When a suspect is declared dead, and when a dead or left member is forgotten. */
  readonly #deadlines = new Map<string, number>();
  readonly #rumours = createRumours();

  constructor(options: RosterOptions) {
    this.self = options.self;
    this.#options = options;
  }

  /** There is news about somebody's state that has not been told often enough. */
  get hasHotNews(): boolean {
    return this.#rumours.hot;
  }

  get(id: string): MemberRecord | undefined {
    return id === this.self.id ? this.self : this.#others.get(id);
  }

  others(): readonly MemberRecord[] {
    return [...this.#others.values()];
  }

  all(): readonly MemberRecord[] {
    return [this.self, ...this.#others.values()];
  }

  /** Other members that count as running, alive or suspect. */
  live(): readonly MemberRecord[] {
    return this.others().filter((member) => isLive(member.state));
  }

  /** What goes into a message to `to`: who we are, what we think of the receiver (so that it can object), and news. */
  recordsFor(to: string): readonly MemberRecord[] {
    const receiver = this.#others.get(to);
    const records = receiver === undefined ? [this.self] : [this.self, receiver];
    for (const id of this.#rumours.take(NEWS_PER_MESSAGE_MAX, this.#others.size + 1)) {
      const record = this.get(id);
      if (record !== undefined && !records.includes(record)) records.push(record);
    }
    return records;
  }

  /** Takes in what another member said. */
  learn(records: readonly MemberRecord[], now: number): void {
    for (const record of records) {
      if (record.id === this.self.id) this.#hearOfSelf(record);
      else this.#hearOf(record, now);
    }
  }

  /** Our own judgement about a member, at the incarnation we know. */
  declare(id: string, state: 'suspect' | 'dead', now: number): void {
    const known = this.#others.get(id);
    if (known !== undefined) this.#hearOf({ ...known, state }, now);
  }

  describeSelf(description: Partial<Pick<MemberRecord, 'load' | 'meta'>>): void {
    this.self = { ...this.self, ...description, version: this.self.version + 1 };
    this.#rumours.add(this.self.id, false);
  }

  leave(): void {
    this.self = { ...this.self, state: 'left' };
    this.#rumours.add(this.self.id, true);
  }

  /** Declares suspects dead and forgets the long dead whose time has come. */
  expire(now: number): void {
    for (const [id, deadline] of this.#deadlines) {
      if (deadline > now) continue;
      if (this.#others.get(id)?.state === 'suspect') this.declare(id, 'dead', now);
      else this.#forget(id);
    }
  }

  /** The next instant at which {@link expire} has work. */
  nextDeadline(): number {
    return Math.min(Infinity, ...this.#deadlines.values());
  }

  /** This process did not run for `lateMs`: nobody could object in that time. */
  postpone(lateMs: number): void {
    for (const [id, deadline] of this.#deadlines) this.#deadlines.set(id, deadline + lateMs);
  }

  #hearOfSelf(heard: MemberRecord): void {
    if (this.self.state === 'left') return;
    const corrected = refute(this.self, heard);
    if (corrected === undefined) return;
    this.self = corrected;
    this.#rumours.add(corrected.id, true);
    this.urgent = true;
  }

  #hearOf(heard: MemberRecord, now: number): void {
    const known = this.#others.get(heard.id);
    if (known === undefined) {
      const stale = this.joined && !isLive(heard.state);
      if (stale || this.#others.size >= MEMBERS_MAX) return;
    }
    const next = known === undefined ? heard : merge(known, heard);
    if (next === known) return;
    this.#others.set(next.id, next);
    if (known?.state !== next.state) this.#enter(next, now);
    const changes = changesBetween(known, next);
    const hot = changes.some((change) => change.kind !== 'updated');
    this.#rumours.add(next.id, hot);
    this.urgent ||= hot;
    this.changes.push(...changes);
  }

  #enter(member: MemberRecord, now: number): void {
    const { suspicionMs, forgetAfterMs } = this.#options;
    if (member.state === 'alive') this.#deadlines.delete(member.id);
    else if (member.state === 'suspect') this.#deadlines.set(member.id, now + suspicionMs);
    else this.#deadlines.set(member.id, now + forgetAfterMs);
  }

  #forget(id: string): void {
    this.#others.delete(id);
    this.#deadlines.delete(id);
    this.#rumours.drop(id);
  }
}
