/** One line an event, and a hash of them all that costs no text: the same seed gives the same hash. */

export class TraceLog {
  readonly #onLine: ((line: string) => void) | undefined;
  readonly #codes = new Map<string, number>();
  readonly #now: () => number;
  #low = 0x811c9dc5;
  #high = 0x9e3779b9;
  /** Events so far. */
  events = 0;

  constructor(now: () => number, onLine: ((line: string) => void) | undefined) {
    this.#now = now;
    this.#onLine = onLine;
  }

  get hash(): string {
    return (
      (this.#high >>> 0).toString(16).padStart(8, '0') +
      (this.#low >>> 0).toString(16).padStart(8, '0')
    );
  }

  /** `name` says what happened to `id`; numbers enter the hash, `detail` is only for readers. */
  event(name: string, id: string, a = 0, b = 0, detail?: () => string): void {
    this.events += 1;
    const now = this.#now();
    this.#mix(Math.round(now * 1000));
    this.#mix(this.#code(name));
    this.#mix(this.#code(id));
    this.#mix(a);
    this.#mix(b);
    if (this.#onLine === undefined) return;
    const text = detail === undefined ? [a, b].filter((n) => n !== 0).join(' ') : detail();
    this.#onLine(`${now.toFixed(2).padStart(9)} ${id} ${name} ${text}`.trimEnd());
  }

  /** Words get numbers in the order in which they first appear. */
  #code(word: string): number {
    const known = this.#codes.get(word);
    if (known !== undefined) return known;
    const code = this.#codes.size + 1;
    this.#codes.set(word, code);
    for (let i = 0; i < word.length; i++) this.#mix(word.charCodeAt(i));
    return code;
  }

  #mix(value: number): void {
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul(this.#high ^ this.#low ^ (this.#low >>> 15), 0x85ebca6b);
    this.#low ^= this.#high >>> 13;
  }
}
