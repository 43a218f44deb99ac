/** Keeps the ledger of an issuer's authorities in a ConfigMap of the cluster: there is nothing secret in it. */
import type { McpCluster } from '../../api/index.ts';
import { isAlreadyExists, isConflict, RESOURCES, type KubeClient } from '../../kube/index.ts';
import { timeText } from '../../std/index.ts';
import {
  objectNames,
  ownedMetadata,
  ownerOf,
  type AnyObject,
  type TrustLedger,
} from '../core/index.ts';
import { ForeignObjectError, refuseForeign } from '../ownership.ts';

interface LedgerMap extends AnyObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface KeptLedger {
  readonly ledger: TrustLedger;
  /** Undefined when there is no ConfigMap yet. */
  readonly version: string | undefined;
}

const KEY = 'authorities.json';

/** Empty when there is none. Rejects with {@link ForeignObjectError} when the ConfigMap is somebody else's, or unreadable. */
export async function readTrust(cluster: McpCluster, client: KubeClient): Promise<KeptLedger> {
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).issuerConfigMap };
  const found = await client.get<LedgerMap>(RESOURCES.configMaps, ref);
  if (found === undefined) return { ledger: [], version: undefined };
  refuseForeign(found, ownerOf(cluster));
  const ledger = readLedger(found.data?.[KEY] ?? '');
  if (ledger === undefined) throw new ForeignObjectError(found, 'somebody who changed its data');
  return { ledger, version: found.metadata.resourceVersion };
}

/** Writes only over what was read; false when somebody else was first, and who asks has to look again. */
export async function writeTrust(
  cluster: McpCluster,
  ledger: TrustLedger,
  version: string | undefined,
  client: KubeClient,
): Promise<boolean> {
  const { namespace, name } = cluster.metadata;
  const metadata = ownedMetadata(cluster, objectNames(name).issuerConfigMap);
  const data = { [KEY]: ledgerText(ledger) };
  try {
    if (version === undefined) {
      const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
      await client.create(RESOURCES.configMaps, map);
    } else {
      const body = { metadata: { resourceVersion: version }, data };
      const ref = { namespace, name: metadata.name };
      await client.patch(RESOURCES.configMaps, ref, { type: 'merge', body });
    }
    return true;
  } catch (error) {
    if (isAlreadyExists(error) || isConflict(error)) return false;
    throw error;
  }
}

/** As it is kept in an object of the API. */
export function ledgerText(ledger: TrustLedger): string {
  return JSON.stringify(
    ledger.map(({ certificate, since, until }) => ({
      since: timeText(since),
      until: timeText(until),
      certificate,
    })),
  );
}

/** Undefined when somebody made it unreadable. */
export function readLedger(text: string): TrustLedger | undefined {
  try {
    const entries = (JSON.parse(text) as Record<'since' | 'until' | 'certificate', string>[]).map(
      ({ certificate, since, until }) => ({
        certificate,
        since: Date.parse(since),
        until: Date.parse(until),
      }),
    );
    const isWhole = entries.every(
      ({ certificate, since, until }) =>
        typeof certificate === 'string' && Number.isFinite(since) && Number.isFinite(until),
    );
    return isWhole ? entries : undefined;
  } catch {
    return undefined;
  }
}
