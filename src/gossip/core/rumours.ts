/** News that still has to be passed on: each piece a limited number of times, the least told first. */

export interface Rumours {
  /**
   * Something new is known about the member: its count starts again. `hot` news (somebody's state) has rounds of its own,
   * other news only rides along.
   */
  add(id: string, hot: boolean): void;
  /** Up to `max` members with news, least told first; each counts as told once more. */
  take(max: number, membersCount: number): readonly string[];
  /** True while there is hot news that has not been told often enough. */
  readonly hot: boolean;
  drop(id: string): void;
}

/** Messages that each piece of news rides on: this x log2(members + 1), three rounds of three in a cluster of seven. */
const TELL_FACTOR = 3;

export function createRumours(): Rumours {
  const news = new Map<string, { told: number; readonly hot: boolean }>();
  return {
    add: (id, hot) => void news.set(id, { told: 0, hot: hot || news.get(id)?.hot === true }),
    drop: (id) => void news.delete(id),
    get hot() {
      return [...news.values()].some((rumour) => rumour.hot);
    },
    take(max, membersCount) {
      const limit = TELL_FACTOR * Math.ceil(Math.log2(membersCount + 1));
      const chosen = [...news].sort(([, a], [, b]) => a.told - b.told).slice(0, max);
      for (const [id, rumour] of chosen) {
        rumour.told += 1;
        if (rumour.told >= limit) news.delete(id);
      }
      return chosen.map(([id]) => id);
    },
  };
}
