/** Tells the others how loaded this member is and whether it takes sessions. */
import { systemClock } from '../host/index.ts';
import type { Parts } from './parts.ts';

const INTERVAL_MS = 100;

/** Announces at each change and looks for one every 100 ms; returns the function that ends it. */
export function announceLoad(parts: Parts, id: string, draining: () => boolean): () => void {
  const { sessions, gateway, membership, ownership } = parts;
  let ready = '';
  let load = -1;
  const update = (): void => {
    const nextLoad = sessions.directory.counts().get(id) ?? 0;
    if (nextLoad !== load) membership.setLoad((load = nextLoad));
    const takesWork = gateway?.backendReady() === true && ownership.valid() && !draining();
    if ((takesWork ? '1' : '0') !== ready) {
      ready = takesWork ? '1' : '0';
      membership.setMeta({ ready });
    }
  };
  let cancel = (): void => undefined;
  const tick = (): void => {
    update();
    cancel = systemClock.schedule(INTERVAL_MS, tick);
  };
  tick();
  const stops = [sessions.directory.onChange(update), gateway?.onBackendChange(update)];
  return () => {
    cancel();
    for (const stop of stops) stop?.();
  };
}
