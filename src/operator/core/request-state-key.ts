/**
 * The key that all servers of a cluster share to sign what clients bring back to any of them (`server.requestStateKey`):
 * kept in a Secret, replaced by time or by an annotation. With a second variable a rotation fails no request: first
 * every pod accepts the next key, then every pod signs with it and accepts the one before.
 */
import { ROTATE_KEY_ANNOTATION, type McpCluster } from '../../api/index.ts';
import { durationMs } from './durations.ts';
import { objectNames, ownedMetadata } from './names.ts';
import type { Secret } from './small-objects.ts';

/** Bytes of a key; servers get it as text in base64url. */
export const KEY_BYTES = 32;
const PHASE = 'mcpcluster.io/key-phase';
const REVISION = 'mcpcluster.io/key-revision';
const MADE_AT = 'mcpcluster.io/key-made-at';

export interface RequestStateKey {
  /** `Announced`: `accepted` is the next key, which no pod signs with before all accept it. */
  readonly phase: 'Stable' | 'Announced';
  /** Grows with every change that pods have to follow. */
  readonly revision: number;
  /** When the signing key came into force, in ms since the epoch. */
  readonly madeAtMs: number;
  /** Value of the annotation that was followed last. */
  readonly requested: string;
  readonly key: string;
  readonly accepted: string;
}

export interface RotationInput {
  /** What the Secret holds; undefined: there is none. */
  readonly current: RequestStateKey | undefined;
  /** A revision that every pod runs with, as far as is known. */
  readonly settledRevision: number | undefined;
  readonly nowMs: number;
  /** A key that nobody has seen; used or thrown away. */
  readonly fresh: string;
}

/** The key as it should be now; `current` itself when nothing is to be done. */
export function nextRequestStateKey(cluster: McpCluster, input: RotationInput): RequestStateKey {
  const { current, fresh, nowMs } = input;
  const requested = cluster.metadata.annotations?.[ROTATE_KEY_ANNOTATION] ?? '';
  if (current === undefined) {
    return { phase: 'Stable', revision: 1, madeAtMs: nowMs, requested, key: fresh, accepted: '' };
  }
  const next = { ...current, revision: current.revision + 1 };
  if (current.phase === 'Announced') {
    if (input.settledRevision !== current.revision) return current;
    return {
      ...next,
      phase: 'Stable',
      madeAtMs: nowMs,
      key: current.accepted,
      accepted: current.key,
    };
  }
  if (requested === current.requested && !isOld(cluster, current, nowMs)) return current;
  return cluster.spec.server.requestStateKey?.acceptedEnv === undefined
    ? { ...next, madeAtMs: nowMs, requested, key: fresh, accepted: current.key }
    : { ...next, phase: 'Announced', requested, accepted: fresh };
}

function isOld({ spec }: McpCluster, { madeAtMs }: RequestStateKey, nowMs: number): boolean {
  const interval = spec.server.requestStateKey?.rotationInterval;
  return interval !== undefined && nowMs - madeAtMs >= durationMs(interval);
}

export function requestStateSecret(cluster: McpCluster, state: RequestStateKey): Secret {
  const metadata = ownedMetadata(cluster, objectNames(cluster.metadata.name).requestStateSecret);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      ...metadata,
      annotations: {
        ...metadata.annotations,
        [PHASE]: state.phase,
        [REVISION]: String(state.revision),
        [MADE_AT]: String(state.madeAtMs),
        [ROTATE_KEY_ANNOTATION]: state.requested,
      },
    },
    type: 'Opaque',
    data: {
      key: btoa(state.key),
      ...(state.accepted === '' ? {} : { accepted: btoa(state.accepted) }),
    },
  };
}

/** What a Secret holds; undefined when somebody took the key or its history out of it. */
export function readRequestStateKey({ metadata, data }: Secret): RequestStateKey | undefined {
  const annotations = metadata.annotations ?? {};
  const phase = annotations[PHASE];
  const revision = Number(annotations[REVISION]);
  const madeAtMs = Number(annotations[MADE_AT]);
  const key = atob(data?.['key'] ?? '');
  const accepted = atob(data?.['accepted'] ?? '');
  if (key === '' || !Number.isSafeInteger(revision) || !Number.isSafeInteger(madeAtMs)) {
    return undefined;
  }
  if (phase !== 'Stable' && (phase !== 'Announced' || accepted === '')) return undefined;
  const requested = annotations[ROTATE_KEY_ANNOTATION] ?? '';
  return { phase, revision, madeAtMs, requested, key, accepted };
}

/** The variables of the server that hold the key, and the second key where it takes two. */
export function requestStateVariables(cluster: McpCluster): readonly object[] {
  const wanted = cluster.spec.server.requestStateKey;
  if (wanted === undefined) return [];
  const name = objectNames(cluster.metadata.name).requestStateSecret;
  const variable = (env: string, reference: object): object => ({
    name: env,
    valueFrom: { secretKeyRef: { name, ...reference } },
  });
  const { env, acceptedEnv } = wanted;
  return [
    variable(env, { key: 'key' }),
    // Before the first rotation there is no second key.
    ...(acceptedEnv === undefined
      ? []
      : [variable(acceptedEnv, { key: 'accepted', optional: true })]),
  ];
}
