/** The replicated state of a simulated cluster: registers, each with the serial of the last write to it. */
import type { Entry } from '../../src/raft/core/index.ts';

export const KEYS = 4;

export interface MachineState {
  readonly index: number;
  readonly checksum: number;
  readonly registers: readonly number[];
}

export const EMPTY_MACHINE: MachineState = {
  index: 1,
  checksum: 1,
  registers: Array.from({ length: KEYS }, () => 0),
};

export class Machine {
  #registers: number[];
  index: number;
  checksum: number;

  constructor(state: MachineState) {
    this.index = state.index;
    this.checksum = state.checksum;
    this.#registers = [...state.registers];
  }

  read(key: number): number {
    return this.#registers[key] as number;
  }

  /** `serial` is 0 for an entry that is no command. */
  apply(entry: Entry, serial: number): void {
    this.index = entry.index;
    this.checksum = chained(this.checksum, entry, serial);
    if (serial > 0) this.#registers[serial % KEYS] = serial;
  }

  snapshot(): MachineState {
    return { index: this.index, checksum: this.checksum, registers: [...this.#registers] };
  }
}

/** The checksum after an entry, from the one before. */
export function chained(checksum: number, { index, term }: Entry, serial: number): number {
  let sum = Math.imul(checksum ^ index, 0x01000193);
  sum = Math.imul(sum ^ term, 0x85ebca6b);
  return Math.imul(sum ^ serial ^ (sum >>> 15), 0xc2b2ae35) >>> 0;
}
