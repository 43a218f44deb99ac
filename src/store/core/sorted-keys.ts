/** Keys in order, in pieces: to add one moves the rest of its piece, where one list would move the rest of all keys. */
import { lowerBound } from './selector.ts';

/** Keys of a piece; a full one is cut in two. */
const PIECE_MAX = 512;

/** A set of texts ordered by UTF-16 code units. */
export class SortedKeys {
  /** In order, none of them empty. */
  readonly #pieces: string[][] = [];
  /** Grows whenever a position may have moved. */
  #moves = 0;

  /** Adds a key that is not there yet. */
  add(key: string): void {
    this.#moves += 1;
    const at = Math.max(0, this.#pieceOf(key));
    const piece = this.#pieces[at];
    if (piece === undefined) {
      this.#pieces.push([key]);
      return;
    }
    const position = positionIn(piece, key);
    if (piece.length < PIECE_MAX) {
      piece.splice(position, 0, key);
      return;
    }
    // Keys that come in order, as those of a snapshot do, leave full pieces behind.
    const isLast = position === PIECE_MAX && at === this.#pieces.length - 1;
    const later = isLast ? [] : piece.splice(PIECE_MAX / 2);
    this.#pieces.splice(at + 1, 0, later);
    const target = position > piece.length || isLast ? later : piece;
    target.splice(positionIn(target, key), 0, key);
  }

  /** Removes a key that is there. */
  remove(key: string): void {
    this.#moves += 1;
    const at = this.#pieceOf(key);
    const piece = this.#pieces[at] ?? [];
    piece.splice(positionIn(piece, key), 1);
    if (piece.length === 0) this.#pieces.splice(at, 1);
  }

  /** The keys from `first` on. The set may change meanwhile: what follows is then what comes after the key given last. */
  *from(first: string): Generator<string> {
    let at = Math.max(0, this.#pieceOf(first));
    let position = positionIn(this.#pieces[at] ?? [], first);
    for (;;) {
      const piece = this.#pieces[at];
      if (piece === undefined) return;
      const key = piece[position];
      if (key === undefined) {
        at += 1;
        position = 0;
        continue;
      }
      const moves = this.#moves;
      yield key;
      position += 1;
      if (moves === this.#moves) continue;
      at = Math.max(0, this.#pieceOf(key));
      const now = this.#pieces[at] ?? [];
      position = positionIn(now, key);
      if (now[position] === key) position += 1;
    }
  }

  /** The piece where a key is, or would be; -1 = before the first one. */
  #pieceOf(key: string): number {
    return lowerBound(this.#pieces, (piece) => (piece[0] as string) <= key) - 1;
  }
}

const positionIn = (piece: readonly string[], key: string): number =>
  lowerBound(piece, (item) => item < key);
