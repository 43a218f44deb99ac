/** How a snapshot travels: announced by the leader, fetched in chunks by the receiver, stepped into its core when whole. */
import type { Message } from '../../src/raft/core/index.ts';
import type { Random } from '../../src/std/index.ts';
import type { SimMember } from './member.ts';
import type { Network } from './network.ts';
import { between, type Settings } from './settings.ts';
import type { TraceLog } from './trace-log.ts';

type Announcement = Message & { type: 'snapshot' };

export interface TransferPorts {
  readonly settings: Settings;
  readonly trace: TraceLog;
  readonly random: Random;
  readonly members: ReadonlyMap<string, SimMember>;
  readonly network: () => Network;
  readonly healed: () => boolean;
  later(member: SimMember, delayMs: number, action: () => void): void;
}

/** Chunks that a broken connection may cost before the fetch is given up. */
const RETRIES_MAX = 5;

interface Fetch {
  readonly life: number;
  /** The latest announcement of it. */
  message: Announcement;
}

/** One transfer at a time a receiver: a newer snapshot, or one of a newer leader, takes the place of an older. */
export class Transfers {
  readonly #ports: TransferPorts;
  readonly #fetching = new Map<string, Fetch>();

  constructor(ports: TransferPorts) {
    this.#ports = ports;
  }

  begin(message: Announcement): void {
    const { members, random, trace } = this.#ports;
    const receiver = members.get(message.to) as SimMember;
    const known = this.#fetching.get(receiver.id);
    if (known !== undefined && known.life === receiver.life) {
      if (isSame(known.message, message)) {
        if (message.term > known.message.term) known.message = message;
        return;
      }
      if (!isNewer(message, known.message)) return;
    }
    const file = members.get(message.from)?.disk.file(message.meta.index);
    if (file === undefined) return this.#fail(receiver, message);
    const fetch: Fetch = { life: receiver.life, message };
    this.#fetching.set(receiver.id, fetch);
    let left = 1 + Math.floor(random.next() * 4);
    let retries = RETRIES_MAX;
    trace.event('fetches', receiver.id, message.meta.index, left);
    const step = (): void => {
      if (this.#fetching.get(receiver.id) !== fetch) return;
      if (this.#breaks(fetch.message)) {
        retries -= 1;
        if (retries > 0) return this.#ports.later(receiver, between(random, 5, 60), step);
        this.#fetching.delete(receiver.id);
        return this.#fail(receiver, fetch.message);
      }
      left -= 1;
      if (left > 0) return this.#ports.later(receiver, this.#chunkMs(), step);
      this.#fetching.delete(receiver.id);
      receiver.disk.receive(file);
      receiver.receive(fetch.message);
    };
    this.#ports.later(receiver, this.#chunkMs(), step);
  }

  #chunkMs(): number {
    const { random, settings, healed } = this.#ports;
    const slow = settings.faults.has('snapshot-failure') && !healed() && random.next() < 0.2;
    return slow ? between(random, 50, 400) : between(random, 0.5, 5);
  }

  /** The connection to the sender is broken, or the sender is gone. */
  #breaks({ from, to }: Announcement): boolean {
    const { members, random, settings, healed, network } = this.#ports;
    if (members.get(from)?.core === undefined) return true;
    if (network().isBlocked(from, to) || network().isBlocked(to, from)) return true;
    return settings.faults.has('snapshot-failure') && !healed() && random.next() < 0.2;
  }

  #fail(receiver: SimMember, { from, to, term, meta, groupId }: Announcement): void {
    this.#ports.trace.event('fetch-failed', receiver.id, meta.index);
    this.#ports.network().send({
      type: 'snapshot-response',
      groupId,
      from: to,
      to: from,
      term,
      index: meta.index,
      arrived: false,
    });
  }
}

function isSame(a: Announcement, b: Announcement): boolean {
  return a.from === b.from && a.meta.index === b.meta.index;
}

function isNewer(message: Announcement, than: Announcement): boolean {
  if (message.term !== than.term) return message.term > than.term;
  return message.meta.index > than.meta.index;
}
