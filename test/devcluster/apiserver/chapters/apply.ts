/** Server-side apply: owners, conflicts and what a manager gives up. */
import { statefulSet, STATEFULSETS } from '../fixture.ts';
import { APPLY, MERGE, type Chapter } from './chapter.ts';

export const apply: Chapter = async (call) => {
  const path = `${STATEFULSETS}/web`;
  await call('PATCH', `${path}?fieldManager=one`, statefulSet('web'), APPLY);
  await call('PATCH', `${path}?fieldManager=one`, statefulSet('web'), APPLY);
  const mine = statefulSet('web');
  mine.spec.replicas = 9;
  mine.spec.template.spec.containers[0].image = 'other:1';
  await call('PATCH', `${path}?fieldManager=two`, mine, APPLY);
  await call('PATCH', `${path}?fieldManager=two&force=true`, mine, APPLY);
  await call('PATCH', path, mine, APPLY);
  await call(
    'PATCH',
    `${path}?fieldManager=two`,
    { ...mine, metadata: { name: 'web', managedFields: [] } },
    APPLY,
  );
  await call(
    'PATCH',
    `${path}/status?fieldManager=three`,
    {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'web' },
      status: { replicas: 3 },
    },
    APPLY,
  );
  const less = statefulSet('web');
  delete less.spec.replicas;
  await call('PATCH', `${path}?fieldManager=one&force=true`, less, APPLY);
  await call(
    'PATCH',
    `${path}?fieldManager=kubectl`,
    { metadata: { annotations: { a: 'b' } } },
    MERGE,
  );
  await call('GET', path);
};
