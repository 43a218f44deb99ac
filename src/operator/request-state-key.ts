/** Keeps the Secret with the key that the servers of a cluster share. */
import type { McpCluster } from '../api/index.ts';
import { RESOURCES, type KubeClient } from '../kube/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Applier } from './applier.ts';
import {
  KEY_BYTES,
  nextRequestStateKey,
  objectNames,
  ownerOf,
  readRequestStateKey,
  requestStateSecret,
  type RequestStateKey,
  type Secret,
} from './core/index.ts';
import { ForeignObjectError, refuseForeign } from './ownership.ts';

export interface RequestStateKeyOptions {
  readonly client: KubeClient;
  readonly applier: Applier;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Makes and rotates the key, if the spec asks for one; `settledRevision` is what every pod runs with. A Secret that
 * exists is never replaced by a first key: that would cost every request under way.
 */
export async function ensureRequestStateKey(
  cluster: McpCluster,
  settledRevision: number | undefined,
  { client, applier, clock, random }: RequestStateKeyOptions,
): Promise<RequestStateKey | undefined> {
  if (cluster.spec.server.requestStateKey === undefined) return undefined;
  const { namespace, name } = cluster.metadata;
  const ref = { namespace, name: objectNames(name).requestStateSecret };
  const found = await client.get<Secret>(RESOURCES.secrets, ref);
  if (found !== undefined) refuseForeign(found, ownerOf(cluster));
  const current = found === undefined ? undefined : readRequestStateKey(found);
  if (found !== undefined && current === undefined) {
    throw new ForeignObjectError(found, 'somebody who changed what the operator wrote into it');
  }
  const fresh = Buffer.from(random.bytes(KEY_BYTES)).toString('base64url');
  const nowMs = clock.wall();
  const next = nextRequestStateKey(cluster, { current, settledRevision, nowMs, fresh });
  await applier.ensure(RESOURCES.secrets, requestStateSecret(cluster, next), found);
  return next;
}
