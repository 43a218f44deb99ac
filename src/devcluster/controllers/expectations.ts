/** Own writes that the local copy does not show yet: without them a controller would repeat them. */
import type { Clock } from '../../std/index.ts';

/** A write that has not shown up after this was lost on the way; look at the copy again. */
const EXPIRY_MS = 10_000;

export interface Expectations {
  /** `name` was created for `key`. */
  created(key: string, name: string): void;
  /** `uid` was deleted for `key`. */
  deleted(key: string, uid: string): void;
  /** Forgets what `present` shows; true when nothing is outstanding. */
  areMet(
    key: string,
    present: { names: ReadonlySet<string>; liveUids: ReadonlySet<string> },
  ): boolean;
  forget(key: string): void;
}

export function createExpectations(clock: Clock): Expectations {
  const byKey = new Map<
    string,
    { creations: Map<string, number>; deletions: Map<string, number> }
  >();
  const of = (key: string) => {
    const found = byKey.get(key) ?? { creations: new Map(), deletions: new Map() };
    byKey.set(key, found);
    return found;
  };
  return {
    created: (key, name) => void of(key).creations.set(name, clock.monotonic() + EXPIRY_MS),
    deleted: (key, uid) => void of(key).deletions.set(uid, clock.monotonic() + EXPIRY_MS),
    areMet(key, present) {
      const expected = byKey.get(key);
      if (expected === undefined) return true;
      const now = clock.monotonic();
      for (const [name, until] of expected.creations)
        if (present.names.has(name) || until < now) expected.creations.delete(name);
      for (const [uid, until] of expected.deletions)
        if (!present.liveUids.has(uid) || until < now) expected.deletions.delete(uid);
      return expected.creations.size + expected.deletions.size === 0;
    },
    forget: (key) => void byKey.delete(key),
  };
}
