/** Names and ids that the server gives: uid, generated names, instants. */
import { integerBetween, type Random } from '../../std/index.ts';

/** No vowels and no digits that look like letters, so that a generated name never spells a word. */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const GENERATED_NAME_MAX = 63;

/** A random UUID (version 4). */
export function newUid(random: Random): string {
  const bytes = Uint8Array.from(random.bytes(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return [0, 8, 12, 16, 20].map((from, i, all) => hex.slice(from, all[i + 1] ?? 32)).join('-');
}

/** `base` and five random characters, together at most 63. */
export function generateName(base: string, random: Random): string {
  const suffix = Array.from(
    { length: SUFFIX_LENGTH },
    () => ALPHABET[integerBetween(random, 0, ALPHABET.length - 1)],
  ).join('');
  return base.slice(0, GENERATED_NAME_MAX - SUFFIX_LENGTH) + suffix;
}
