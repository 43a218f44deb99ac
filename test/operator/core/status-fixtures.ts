/** A status made of a view, and what servers of pods may be like. */
import type { McpClusterSpec, McpClusterStatus } from '../../../src/api/index.ts';
import {
  decideRollout,
  statusOf,
  type ClusterView,
  type Pod,
  type ReconcileProblem,
} from '../../../src/operator/core/index.ts';
import { answer, AT_ONCE, cluster, pod } from './fixtures.ts';

export function status(
  seen: ClusterView,
  options: {
    before?: McpClusterStatus;
    problem?: ReconcileProblem;
    spec?: Partial<McpClusterSpec>;
    now?: string;
  } = {},
): McpClusterStatus {
  return statusOf(cluster(options.spec ?? {}, options.before), {
    view: seen,
    size: { replicas: 3, voters: 3 },
    rollout: decideRollout(seen, AT_ONCE),
    problem: options.problem,
    hibernated: options.spec?.hibernated ?? false,
    now: options.now ?? '2026-01-01T00:00:00Z',
  });
}
export const states = (made: McpClusterStatus) =>
  Object.fromEntries(
    (made.conditions ?? []).map(({ type, status: state, reason }) => [type, `${state} ${reason}`]),
  );
export const running: McpClusterStatus = { phase: 'Running', conditions: [] };

export function server(container: object): Pod {
  const base = pod(1);
  return {
    ...base,
    status: {
      ...base.status,
      containerStatuses: [{ name: 'server', ready: false, restartCount: 0, ...container }],
    },
  };
}
export const broken = (problem = 'connection refused') => ({ backend: { ready: false, problem } });
export const withReport = (report = answer(1, broken())) =>
  new Map([
    ['tools-0', answer(0)],
    ['tools-1', report],
    ['tools-2', answer(2)],
  ]);
