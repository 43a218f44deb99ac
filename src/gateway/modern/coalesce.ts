/** The same news from several pods, told once: at once, and once more if it came again shortly after. */
import type { CancelTimer, Clock } from '../../std/index.ts';

export interface Coalescer {
  /** Passes `data` on now, or later as the newest of its key. */
  tell(key: string, data: string): void;
  stop(): void;
}

/** How long the same news is held together. */
const WINDOW_MS = 100;

/** Of what comes within 100 ms the first and the last are told, so that whoever read after the first hears of a later change. */
export function createCoalescer(clock: Clock, tell: (data: string) => void): Coalescer {
  const held = new Map<string, { latest: string | undefined; cancel: CancelTimer }>();
  const open = (key: string, data: string): void => {
    tell(data);
    const cancel = clock.schedule(WINDOW_MS, () => {
      const latest = held.get(key)?.latest;
      held.delete(key);
      if (latest !== undefined) open(key, latest);
    });
    held.set(key, { latest: undefined, cancel });
  };
  return {
    tell(key, data) {
      const window = held.get(key);
      if (window === undefined) open(key, data);
      else window.latest = data;
    },
    stop() {
      for (const { cancel } of held.values()) cancel();
      held.clear();
    },
  };
}
