/** The state machine of the benchmarked members: a list of values that can grow to any size. */

/** Most bytes in one chunk of a snapshot. */
const CHUNK_BYTES = 128 * 1024;
const LENGTH_BYTES = 4;
/** Commands that begin with this byte stay in the state; the others only count. */
export const KEPT = 1;

/** A state that costs next to nothing to apply, so that the log is what is measured. */
export class BenchMachine {
  #values: Uint8Array[] = [];
  #applied = 0;
  #checksum = 0;

  apply({ index, command }: { readonly index: number; readonly command: Uint8Array }): void {
    this.#applied += 1;
    this.#checksum = (Math.imul(this.#checksum, 31) + index + (command.at(-1) ?? 0)) >>> 0;
    // Copied: a slice would keep the whole message it came in.
    if (command[0] === KEPT) this.#values.push(Uint8Array.from(command));
  }

  /** Consistent as of the call: values never change once they are in the list. */
  snapshot(): Iterable<Uint8Array> {
    const head = Buffer.alloc(12);
    head.writeDoubleLE(this.#applied, 0);
    head.writeUInt32LE(this.#checksum, 8);
    return chunksOf([head, ...this.#values]);
  }

  beginRestore(): { add(chunk: Uint8Array): void; finish(): void } {
    const values: Buffer[] = [];
    let rest = Buffer.alloc(0);
    return {
      add(chunk) {
        rest = Buffer.concat([rest, chunk]);
        let at = 0;
        while (at + LENGTH_BYTES <= rest.length) {
          const end = at + LENGTH_BYTES + rest.readUInt32LE(at);
          if (end > rest.length) break;
          values.push(Buffer.from(rest.subarray(at + LENGTH_BYTES, end)));
          at = end;
        }
        rest = rest.subarray(at);
      },
      finish: () => {
        const [head, ...kept] = values;
        this.#values = kept;
        this.#applied = head?.readDoubleLE(0) ?? 0;
        this.#checksum = head?.readUInt32LE(8) ?? 0;
      },
    };
  }

  checksum(): number {
    return this.#checksum;
  }
}

/** Each value behind its length, several to a chunk. */
function* chunksOf(values: readonly Uint8Array[]): Generator<Uint8Array> {
  let chunk: Uint8Array[] = [];
  let bytes = 0;
  for (const value of values) {
    const length = Buffer.alloc(LENGTH_BYTES);
    length.writeUInt32LE(value.length);
    if (bytes > 0 && bytes + value.length > CHUNK_BYTES) {
      yield Buffer.concat(chunk);
      [chunk, bytes] = [[], 0];
    }
    chunk.push(length, value);
    bytes += LENGTH_BYTES + value.length;
  }
  if (bytes > 0) yield Buffer.concat(chunk);
}
