/** What clients may see: each write has a serial of its own; what was acknowledged stays, and what is read was written. */
import { check } from './checker.ts';
import { KEYS } from './machine.ts';

export class Oracle {
  #lastSerial = 0;
  /** Where a serial stands in the log, once it was applied anywhere. */
  readonly #indexes = new Map<number, number>();
  /** The serial of each acknowledged write, by index. */
  readonly #acked = new Map<number, number>();
  /** By key: the latest index that a caller was told about, by an acknowledgement or a read. */
  readonly #floors: number[] = Array.from({ length: KEYS }, () => 0);
  acknowledged = 0;
  reads = 0;

  nextSerial(): number {
    this.#lastSerial += 1;
    return this.#lastSerial;
  }

  /** A write was applied on some member. */
  applied(serial: number, index: number): void {
    const known = this.#indexes.get(serial) ?? index;
    check(serial <= this.#lastSerial, `write ${serial} was never made`);
    check(known === index, () => `write ${serial} was applied twice, at ${known} and ${index}`);
    this.#indexes.set(serial, index);
    const acked = this.#acked.get(index) ?? serial;
    check(acked === serial, () => `acknowledged write ${acked} is gone from ${index}`);
  }

  acknowledge(serial: number, index: number): void {
    this.acknowledged += 1;
    this.#acked.set(index, serial);
    this.#raise(serial % KEYS, index);
  }

  /** What a read that begins now must see at least. */
  floor(key: number): number {
    return this.#floors[key] as number;
  }

  read(member: string, key: number, serial: number, floor: number): void {
    this.reads += 1;
    const index = serial === 0 ? 0 : this.#indexes.get(serial);
    check(index !== undefined, () => `a read on ${member} returned ${serial}, never applied`);
    check(
      index >= floor,
      () => `a read of ${key} on ${member} returned the write at ${index}, ${floor} was known`,
    );
    this.#raise(key, index);
  }

  #raise(key: number, index: number): void {
    this.#floors[key] = Math.max(this.#floors[key] as number, index);
  }
}
