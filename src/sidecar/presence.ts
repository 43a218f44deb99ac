/** Tells the others how loaded this member is, whether it takes sessions, and what it is good for. */
import { systemClock } from '../host/index.ts';
import type { Parts } from './parts.ts';
import type { PodAnnotationsSource } from './pod-annotations.ts';
import { isCaughtUp } from './readiness.ts';
import { createResourceMeter, encodeResources } from './resources.ts';

const INTERVAL_MS = 100;

export interface PresenceOptions {
  readonly parts: Pick<
    Parts,
    'sessions' | 'gateway' | 'membership' | 'ownership' | 'view' | 'store' | 'raft' | 'problems'
  >;
  readonly annotations: Pick<PodAnnotationsSource, 'current' | 'onChange'>;
  readonly isDraining: () => boolean;
}

/** Announces at each change and looks for one every 100 ms; returns the function that ends it. */
export function announcePresence({ parts, annotations, isDraining }: PresenceOptions): () => void {
  const { sessions, gateway, membership, ownership } = parts;
  const { node } = parts.view.self;
  const meter = createResourceMeter(systemClock);
  const takesWork = (): boolean =>
    gateway?.backendReady() === true &&
    ownership.valid() &&
    !isDraining() &&
    parts.problems().length === 0 &&
    isCaughtUp(parts);
  const updateLoad = (): void => membership.setLoad(sessions.directory.counts().get(node) ?? 0);
  /** Gossip has news only when something changed. */
  const update = (): void => {
    updateLoad();
    const resources = meter.current();
    const { weight, capabilities } = annotations.current();
    const before = membership.self().meta;
    membership.setMeta({
      ready: takesWork() ? '1' : '0',
      weight: weight === undefined ? '' : String(weight),
      capabilities: capabilities.join(),
      resources: resources === undefined ? '' : encodeResources(resources),
    });
    if (membership.self().meta !== before) parts.view.selfChanged();
  };
  let cancel = (): void => undefined;
  const tick = (): void => {
    update();
    cancel = systemClock.schedule(INTERVAL_MS, tick);
  };
  tick();
  const stops = [
    sessions.directory.onChange(updateLoad),
    gateway?.onBackendChange(update),
    annotations.onChange(update),
  ];
  return () => {
    cancel();
    meter.stop();
    for (const stop of stops) stop?.();
  };
}
