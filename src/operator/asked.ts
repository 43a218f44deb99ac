/** What the pods of one cluster were asked for before they go, since when, and what is under way. */
import type { Clock } from '../std/index.ts';
import type { MemberView } from './core/index.ts';

export interface Asked {
  /** How long ago this pod was first asked, in ms; 0 when it was not. */
  askedMs(member: MemberView, what: 'drain' | 'transfer'): number;
  /** Asks, unless that is under way; `call` must not reject. */
  ask(member: MemberView, what: 'drain' | 'transfer', call: () => Promise<void>): void;
  /** Nobody has to go any more. */
  clear(): void;
}

export function createAsked(clock: Clock): Asked {
  const since = new Map<string, number>();
  const underWay = new Set<string>();
  const keyOf = (member: MemberView, what: string): string => `${member.pod?.metadata.uid} ${what}`;
  return {
    askedMs(member, what) {
      const begun = since.get(keyOf(member, what));
      return begun === undefined ? 0 : clock.monotonic() - begun;
    },
    ask(member, what, call) {
      const key = keyOf(member, what);
      if (!since.has(key)) since.set(key, clock.monotonic());
      if (underWay.has(key)) return;
      underWay.add(key);
      void call().finally(() => underWay.delete(key));
    },
    clear: () => since.clear(),
  };
}
