/** When the authorities end that a cluster's members trust: read from its ConfigMaps, which hold no secret. */
import { X509Certificate } from 'node:crypto';
import type { McpCluster } from '../../api/index.ts';
import { certificatesIn, timeText } from '../../std/index.ts';
import { RESOURCES, type KubeObject } from '../../kube/index.ts';
import { podSelector, type Expiry } from '../core/status-view.ts';
import type { Session } from './session.ts';

/** Every certificate in a ConfigMap of the cluster, the one that ends first in front; none when they may not be read. */
export async function readExpiries(
  { client, namespace }: Session,
  { metadata }: McpCluster,
): Promise<readonly Expiry[]> {
  const scope = { namespace, labelSelector: podSelector(metadata.name) };
  const { items } = await client
    .list(RESOURCES.configMaps, scope)
    .catch((): { items: KubeObject[] } => ({ items: [] }));
  return items
    .flatMap((map) =>
      Object.entries((map['data'] ?? {}) as Record<string, string>).flatMap(([key, text]) =>
        certificatesIn(text).map((pem) => expiryOf(`${map.metadata.name}/${key}`, pem)),
      ),
    )
    .toSorted((a, b) => Date.parse(a.endsAt) - Date.parse(b.endsAt));
}

function expiryOf(where: string, pem: string): Expiry {
  const { validToDate, subject } = new X509Certificate(pem);
  const endsAt = timeText(validToDate);
  return { what: `Certificate ${subject.replaceAll('\n', ', ')} (${where})`, endsAt };
}
