/** Gives the running members the part of the spec that needs no restart, once for each generation. */
import { RpcError } from '../../std/index.ts';
import {
  lackAuthVolumes,
  runningConfig,
  type ClusterView,
  type Pod,
  type ReconcileProblem,
} from '../core/index.ts';
import type { Subject, Tools } from './tools.ts';

export async function agreeOnConfiguration(
  { cluster, watched }: Subject,
  { view, pods }: { readonly view: ClusterView; readonly pods: readonly Pod[] },
  { logger }: Tools,
): Promise<ReconcileProblem | undefined> {
  const { generation } = cluster.metadata;
  if (!view.hasQuorum || watched.configuredGeneration === generation) return undefined;
  const link = watched.monitor.link(view.leader ?? '');
  if (link === undefined || lackAuthVolumes(cluster, pods)) return undefined;
  try {
    await link.applyConfig(generation, JSON.stringify(runningConfig(cluster)));
    watched.configuredGeneration = generation;
    return undefined;
  } catch (error) {
    // The next round tries again; the members go on with what they have.
    const { message } = error as Error;
    logger.warn('members did not take the configuration', {
      cluster: cluster.metadata.name,
      generation,
      error: message,
    });
    return error instanceof RpcError && error.code === 'invalid-argument'
      ? { reason: 'ConfigurationRefused', message: `members refused the configuration: ${message}` }
      : undefined;
  }
}
