/** StatefulSets with their scale, Deployments and disruption budgets. */
import { statefulSet, STATEFULSETS } from '../fixture.ts';
import { MERGE, STRATEGIC, type Chapter } from './chapter.ts';

const deployments = '/apis/apps/v1/namespaces/default/deployments';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

export const workloads: Chapter = async (call) => {
  const set = statefulSet('db');
  set.spec.volumeClaimTemplates = [
    {
      metadata: { name: 'data' },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
  ];
  await call('POST', STATEFULSETS, set);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: 4 } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { serviceName: 'other' } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: -1 } }, MERGE);
  await call('PATCH', `${STATEFULSETS}/db`, { spec: { replicas: 'x' } }, MERGE);
  await call(
    'PATCH',
    `${STATEFULSETS}/db/status`,
    { status: { replicas: 1, currentReplicas: 1 }, spec: { replicas: 9 } },
    MERGE,
  );
  const scale = await call('GET', `${STATEFULSETS}/db/scale`);
  await call('PUT', `${STATEFULSETS}/db/scale`, { ...scale.body, spec: { replicas: 6 } });
  await call('PATCH', `${STATEFULSETS}/db/scale`, { spec: { replicas: 7 } }, MERGE);
  await call('PUT', `${STATEFULSETS}/db/scale`, { ...scale.body, spec: { replicas: 8 } });
  await call('GET', `${STATEFULSETS}/db`);
  const lost = statefulSet('lost');
  lost.spec.template.metadata.labels = { app: 'else' };
  await call('POST', STATEFULSETS, lost);
  await call('POST', STATEFULSETS, { metadata: { name: 'x' }, spec: {} });
  await call('POST', deployments, {
    metadata: { name: 'd' },
    spec: {
      selector: { matchLabels: { a: 'b' } },
      template: {
        metadata: { labels: { a: 'b' } },
        spec: { containers: [{ name: 'c', image: 'x' }] },
      },
    },
  });
  await call(
    'PATCH',
    `${deployments}/d`,
    { spec: { selector: { matchLabels: { a: 'c' } } } },
    MERGE,
  );
  await call(
    'PATCH',
    `${deployments}/d`,
    { spec: { template: { spec: { containers: [{ name: 'e', image: 'y' }] } } } },
    STRATEGIC,
  );
  await call('POST', budgets, {
    metadata: { name: 'p' },
    spec: { maxUnavailable: 1, selector: { matchLabels: { a: 'b' } } },
  });
  await call('POST', budgets, {
    metadata: { name: 'q' },
    spec: { maxUnavailable: 1, minAvailable: 1 },
  });
  await call('PATCH', `${budgets}/p/status`, { status: { disruptionsAllowed: 1 } }, MERGE);
  await call('DELETE', `${STATEFULSETS}/db`, { propagationPolicy: 'Orphan' });
  await call(
    'PATCH',
    `${STATEFULSETS}/db`,
    { metadata: { finalizers: ['a.b/c', 'orphan'] } },
    MERGE,
  );
  await call('PATCH', `${STATEFULSETS}/db`, { metadata: { finalizers: null } }, MERGE);
  await call('GET', `${STATEFULSETS}/db`);
};
