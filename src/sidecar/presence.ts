/** Tells the others how loaded this member is, whether it takes sessions, and what it is good for. */
import { systemClock } from '../host/index.ts';
import type { Parts } from './parts.ts';
import type { PodAnnotationsSource } from './pod-annotations.ts';
import { isCaughtUp } from './readiness.ts';
import { createResourceMeter, encodeResources, type ResourceMeter } from './resources.ts';

const INTERVAL_MS = 100;

export interface PresenceOptions {
  readonly parts: Pick<
    Parts,
    | ('sessions' | 'gateway' | 'membership' | 'ownership' | 'view' | 'store' | 'raft' | 'problems')
    | ('config' | 'serverUsage')
  >;
  readonly annotations: Pick<PodAnnotationsSource, 'current' | 'onChange'>;
  /** It takes no sessions, because it leaves or because somebody wants so. */
  readonly isAway: () => boolean;
}

/** Announces at each change and looks for one every 100 ms; returns the function that ends it. */
export function announcePresence({ parts, annotations, isAway }: PresenceOptions): () => void {
  const { sessions, gateway, membership, ownership } = parts;
  const { node } = parts.view.self;
  const resources = measureIfWanted(parts);
  const takesWork = (): boolean =>
    gateway?.backendReady() === true &&
    ownership.valid() &&
    !isAway() &&
    parts.problems().length === 0 &&
    isCaughtUp(parts);
  /** Gossip has news only when something changed, and of the sessions no more often than each interval: they come by the thousand. */
  const update = (): void => {
    membership.setLoad(sessions.directory.counts().get(node) ?? 0);
    const { weight, capabilities } = annotations.current();
    const before = membership.self().meta;
    membership.setMeta({
      ready: takesWork() ? '1' : '0',
      weight: weight === undefined ? '' : String(weight),
      capabilities: capabilities.join(),
      resources: resources.told(),
    });
    if (membership.self().meta !== before) parts.view.selfChanged();
  };
  let cancel = (): void => undefined;
  const tick = (): void => {
    update();
    cancel = systemClock.schedule(INTERVAL_MS, tick);
  };
  tick();
  const stops = [gateway?.onBackendChange(update), annotations.onChange(update)];
  return () => {
    cancel();
    resources.stop();
    for (const stop of stops) stop?.();
  };
}

/** Nobody measures, and gossip has no news of it, unless the strategy of the resource looks at resources. */
function measureIfWanted({ config, serverUsage }: PresenceOptions['parts']): {
  told(): string;
  stop(): void;
} {
  let meter: ResourceMeter | undefined;
  const stop = (): void => {
    meter?.stop();
    meter = undefined;
  };
  return {
    told() {
      if (config.current().gateway.policies.loadBalancing.strategy !== 'ResourceBased') {
        stop();
        return '';
      }
      const server = (): ReturnType<NonNullable<typeof serverUsage>['current']> =>
        serverUsage?.current();
      meter ??= createResourceMeter({ clock: systemClock, server });
      const latest = meter.current();
      return latest === undefined ? '' : encodeResources(latest);
    },
    stop,
  };
}
