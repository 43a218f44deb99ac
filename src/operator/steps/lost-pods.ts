/** Deletes by force what is fenced, so that the StatefulSet can make it anew. */
import { RESOURCES } from '../../kube/index.ts';
import { fencedPods, type ClusterView } from '../core/index.ts';
import type { Subject, Tools } from './tools.ts';

export async function removeLostPods(
  { cluster }: Subject,
  view: ClusterView,
  { client, clock, logger, recorder }: Tools,
): Promise<void> {
  const { name, namespace } = cluster.metadata;
  for (const member of fencedPods(view, (instant) => clock.wall() - Date.parse(instant))) {
    const uid = member.pod?.metadata.uid;
    if (uid === undefined) continue;
    const ref = { namespace, name: member.name };
    const facts = { cluster: name, namespace, pod: member.name, uid, leader: view.leader };
    logger.warn('audit: a fenced pod is deleted by force', { ...facts, term: view.term });
    const preconditions = { uid };
    await client.delete(RESOURCES.pods, ref, { gracePeriodSeconds: 0, preconditions });
    recorder.record({
      regarding: cluster,
      type: 'Warning',
      reason: 'ForceDeletedPod',
      action: 'Heal',
      note: `${member.name} is deleted by force: node ${member.pod?.spec?.nodeName} does not end it, its peers found it dead, and its lease is over`,
    });
  }
}
