/**
 * Tells the API server whom to trust when it asks the webhook: writes the operator's authorities into the caBundle of the
 * ValidatingWebhookConfiguration. What is there stays beside what is new for a while: somewhere a replica may still show a
 * certificate of the one before, and API servers hear of a change one after the other.
 */
import { KubeError, RESOURCES, type KubeClient, type KubeResource } from '../../kube/index.ts';
import { decodeBase64, encodeBase64, type Clock } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import { MANAGER } from '../../api/index.ts';
import { nextBundle } from '../core/index.ts';

interface WebhookConfiguration extends KubeResource {
  readonly webhooks?: readonly {
    readonly name: string;
    readonly clientConfig: { readonly caBundle?: string };
  }[];
}

export interface WebhookTrustOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Name of the ValidatingWebhookConfiguration. */
  readonly name: string;
  /** PEM: the operator's authorities; undefined as long as they are not known. */
  readonly trusted: () => string | undefined;
  readonly isLeading: () => boolean;
}

export interface WebhookTrust {
  start(): void;
  stop(): void;
}

/** A change in memory is written this soon. */
const LOOK_MS = 1_000;
/** What somebody else changed is mended this soon. */
const RESYNC_MS = 30_000;
/** How long what is no longer ours stays in the bundle. */
export const BUNDLE_OVERLAP_MS = 300_000;

export function createWebhookTrust(options: WebhookTrustOptions): WebhookTrust {
  const { clock, logger } = options;
  let isStopped = false;
  let cancel = (): void => undefined;
  let written: string | undefined;
  let changedAt = clock.monotonic();
  let checkedAt = -Infinity;
  let told = '';
  const round = async (): Promise<void> => {
    const trusted = options.trusted();
    const now = clock.monotonic();
    const isDue = trusted !== written || now - checkedAt >= RESYNC_MS;
    if (trusted !== undefined && isDue && options.isLeading()) {
      if (trusted !== written) changedAt = now;
      try {
        await write(trusted, now - changedAt >= BUNDLE_OVERLAP_MS, options);
        [written, checkedAt, told] = [trusted, now, ''];
      } catch (error) {
        const { message } = error as Error;
        if (message !== told)
          logger.warn('caBundle of the webhook not written', { error: message });
        told = message;
      }
    }
    if (!isStopped) cancel = clock.schedule(LOOK_MS, () => void round());
  };
  return {
    start: () => void round(),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}

async function write(
  trusted: string,
  mayForget: boolean,
  { client, name, logger }: WebhookTrustOptions,
): Promise<void> {
  const type = RESOURCES.validatingWebhookConfigurations;
  const found = await client.get<WebhookConfiguration>(type, { name });
  if (found === undefined) {
    const message = `there is no ValidatingWebhookConfiguration ${name}: install the chart with webhook.enabled=true, or leave --webhook-configuration out`;
    throw new KubeError({ status: 404, reason: 'NotFound', message });
  }
  const webhooks = (found.webhooks ?? []).map((webhook) => {
    const current = decodeBase64(webhook.clientConfig.caBundle ?? '');
    const bundle = mayForget ? trusted : nextBundle(current, trusted);
    return { name: webhook.name, current, bundle };
  });
  if (webhooks.every(({ current, bundle }) => current === bundle)) return;
  const body = {
    apiVersion: found.apiVersion,
    kind: found.kind,
    metadata: { name },
    webhooks: webhooks.map(({ name: webhook, bundle }) => ({
      name: webhook,
      clientConfig: { caBundle: encodeBase64(bundle) },
    })),
  };
  await client.apply(type, body, { fieldManager: MANAGER, force: true });
  logger.info('caBundle of the webhook written', { configuration: name });
}
