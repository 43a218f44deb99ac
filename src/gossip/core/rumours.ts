/** News that still has to be passed on: each piece a limited number of times, the least told first. */

export interface Rumours {
  /** Something new is known about the member: its count starts again. */
  add(id: string): void;
  /** Up to `max` members with news, least told first; each counts as told once more. */
  take(max: number, membersCount: number): readonly string[];
  drop(id: string): void;
}

/** Times each piece of news is told: this x ceil(log10(members + 1)). */
const RETRANSMIT_FACTOR = 4;

export function createRumours(): Rumours {
  const told = new Map<string, number>();
  return {
    add: (id) => void told.set(id, 0),
    drop: (id) => void told.delete(id),
    take(max, membersCount) {
      const limit = RETRANSMIT_FACTOR * Math.ceil(Math.log10(membersCount + 1));
      const chosen = [...told].sort(([, a], [, b]) => a - b).slice(0, max);
      for (const [id, count] of chosen) {
        if (count + 1 >= limit) told.delete(id);
        else told.set(id, count + 1);
      }
      return chosen.map(([id]) => id);
    },
  };
}
