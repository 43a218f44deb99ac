/** Events are forgotten after an hour, so that a cluster that runs for days does not fill up with them. */
import type { Api } from './context.ts';

const EVENT_TTL_MS = 60 * 60_000;
const SWEEP_INTERVAL_MS = 60_000;

/** Removes events that were last written more than an hour ago, once a minute. */
export function startEventExpiry(api: Api): { stop(): void } {
  let cancel = (): void => undefined;
  const schedule = (): void => {
    cancel = api.clock.schedule(SWEEP_INTERVAL_MS, () => {
      sweep(api);
      schedule();
    });
  };
  schedule();
  return { stop: () => cancel() };
}

function sweep(api: Api): void {
  const oldest = api.clock.wall() - EVENT_TTL_MS;
  const listed = api.store.list('events');
  for (const event of listed.ok ? listed.value.items : []) {
    const { namespace = '', name = '', creationTimestamp } = event.metadata;
    const seen = event['lastTimestamp'] ?? creationTimestamp;
    if (typeof seen === 'string' && Date.parse(seen) < oldest) {
      api.store.remove({ resource: 'events', namespace, name });
    }
  }
}
