/**
 * A chain over the effects of all commands: two machines that ever did something different never agree again. Every step is
 * one-to-one in the chain, so equal effects later cannot hide an earlier difference. It finds mistakes, not attackers.
 */

/** Folds one 32-bit word into the chain. */
function mixWord(chain: number, word: number): number {
  let mixed = Math.imul(word, 0xcc9e2d51);
  mixed = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
  mixed ^= chain;
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
}

/** Folds a safe integer into the chain. */
export function mixNumber(chain: number, value: number): number {
  return mixWord(mixWord(chain, value | 0), Math.floor(value / 2 ** 32));
}

/** Folds a text, its length first, so that texts cannot run into each other. */
export function mixText(chain: number, value: string): number {
  let mixed = mixWord(chain, value.length);
  let i = 0;
  for (; i + 1 < value.length; i += 2) {
    mixed = mixWord(mixed, (value.charCodeAt(i) << 16) | value.charCodeAt(i + 1));
  }
  return i < value.length ? mixWord(mixed, value.charCodeAt(i)) : mixed;
}
