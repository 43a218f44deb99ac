/** What is on the way to the members of a scenario. It keeps its order, and waits until it is asked for. */
import type { Entry, Message, WriteMark } from '../../src/raft/core/index.ts';
import { describeType } from './describe.ts';

/** A message, or the word of a member's own disk or state machine that something is done. */
export type Parcel =
  | { readonly kind: 'message'; readonly to: string; readonly message: Message }
  | { readonly kind: 'written'; readonly to: string; readonly mark: WriteMark }
  | { readonly kind: 'applied'; readonly to: string; readonly entries: readonly Entry[] };

/** Which messages a command is about: all that go to a member, or only those of one type, or of one sender. */
export interface Selection {
  readonly to: string;
  readonly type?: string | undefined;
  readonly from?: string | undefined;
}

export class Network {
  #parcels: Parcel[] = [];
  #held: Parcel[] = [];
  readonly #cut = new Set<string>();

  /** A message on a link that is cut is lost. */
  post(parcel: Parcel): void {
    const lost =
      parcel.kind === 'message' && this.#cut.has(link(parcel.message.from, parcel.message.to));
    if (!lost) this.#parcels.push(parcel);
  }

  isBusy(to: string): boolean {
    return this.#parcels.some((parcel) => parcel.to === to);
  }

  /** Takes out what is selected. The word of a member's own disk and state machine stays when `losable` is asked for. */
  take(selection: Selection, losable: boolean): Parcel[] {
    const chosen = (parcel: Parcel): boolean =>
      isSelected(parcel, selection) && !(losable && isLocal(parcel));
    const taken = this.#parcels.filter(chosen);
    this.#parcels = this.#parcels.filter((parcel) => !chosen(parcel));
    return taken;
  }

  /** Keeps a copy of the messages selected, for `release`; returns them. */
  copy(selection: Selection): Message[] {
    const copies = this.#parcels.filter(
      (parcel) => isSelected(parcel, selection) && !isLocal(parcel),
    );
    this.#held.push(...copies);
    return copies.flatMap((parcel) => (parcel.kind === 'message' ? [parcel.message] : []));
  }

  /** What was kept is on its way again, behind all else. */
  release(): void {
    this.#parcels.push(...this.#held);
    this.#held = [];
  }

  /** From now on nothing comes through between `a` and `b`; what is under way does. */
  cut(a: string, b: string): void {
    this.#cut.add(link(a, b)).add(link(b, a));
  }

  heal(): void {
    this.#cut.clear();
  }

  /** The process of `id` died, and with it what its disk and its state machine had to say. */
  forgetLocal(id: string): void {
    this.#parcels = this.#parcels.filter((parcel) => parcel.to !== id || !isLocal(parcel));
  }
}

const link = (from: string, to: string): string => `${from}>${to}`;

function isLocal(parcel: Parcel): boolean {
  return parcel.kind !== 'message' || parcel.message.from === parcel.to;
}

function isSelected(parcel: Parcel, { to, type, from }: Selection): boolean {
  if (parcel.to !== to) return false;
  if (parcel.kind !== 'message') return type === undefined && from === undefined;
  const { message } = parcel;
  return (
    (type === undefined || describeType(message) === type) &&
    (from === undefined || message.from === from)
  );
}
