/** How the volumes of a cluster come to the size that its spec asks for. */
import type { McpCluster } from '../../api/index.ts';
import { parseQuantity, required } from '../../std/index.ts';
import { DATA_VOLUME, podOrdinal } from './names.ts';
import type { Claim, StatefulSet } from './shapes.ts';

export interface VolumePlan {
  /** Claims that ask for less than the spec. */
  readonly grow: readonly string[];
  /** The StatefulSet would make smaller ones, and its template of claims cannot be changed: it has to be made anew. */
  readonly remake: boolean;
  /** Claims that ask for enough and have not got it yet. */
  readonly pending: readonly string[];
}

/** Claims of other volumes, or of pods that are not this cluster's, are left alone. */
export function planVolumes(
  cluster: McpCluster,
  claims: readonly Claim[],
  set: StatefulSet | undefined,
): VolumePlan {
  const wanted = bytes(cluster.spec.storage.size);
  const prefix = `${DATA_VOLUME}-`;
  const ours = claims.filter(({ metadata: { name = '' } }) => {
    const pod = name.startsWith(prefix) ? name.slice(prefix.length) : '';
    return podOrdinal(cluster.metadata.name, pod) !== undefined;
  });
  const small = ours.filter(({ spec }) => bytes(spec?.resources?.requests?.storage) < wanted);
  const made = volumeSizeOf(set);
  return {
    grow: namesOf(small),
    remake: made !== undefined && bytes(made) < wanted,
    pending: namesOf(ours.filter((claim) => !small.includes(claim) && isWaiting(claim, wanted))),
  };
}

/** What the StatefulSet asks for when it makes a claim. */
export function volumeSizeOf(set: StatefulSet | undefined): string | undefined {
  return set?.spec?.volumeClaimTemplates?.[0]?.spec?.resources?.requests?.storage;
}

/** A claim that no volume was found for yet has no capacity; it will get what it asks for. */
function isWaiting({ status }: Claim, wanted: number): boolean {
  const has = status?.capacity?.storage;
  return has !== undefined && bytes(has) < wanted;
}

function namesOf(claims: readonly Claim[]): readonly string[] {
  return claims.map(({ metadata: { name = '' } }) => name);
}

function bytes(text: string | undefined): number {
  return text === undefined ? 0 : required(parseQuantity(text), `not a quantity: ${text}`);
}
