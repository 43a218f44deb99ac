/** Custom resources: schema, pruning, subresources, tables and discovery of their group. */
import { widget, WIDGETS } from '../fixture.ts';
import { APPLY, MERGE, STRATEGIC, type Chapter } from './chapter.ts';

export const custom: Chapter = async (call) => {
  await call('POST', WIDGETS, widget('a', { colour: 'blue' }));
  await call('POST', WIDGETS, widget('a'));
  await call('POST', WIDGETS, widget('b', { replicas: 2 }));
  await call('POST', WIDGETS, widget('b', { replicas: 'many', size: 'M' }));
  await call('POST', WIDGETS, widget('b', { replicas: -1 }));
  await call('POST', `${WIDGETS}?fieldValidation=Strict`, widget('b', { colour: 'blue' }));
  await call('POST', WIDGETS, { ...widget('b', { replicas: 1 }), kind: 'Other' });
  await call('POST', WIDGETS, { ...widget('b'), apiVersion: 'example.com/v2' });
  await call('PUT', `${WIDGETS}/a`, widget('a'));
  await call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'x' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a`, { spec: { fixed: 'y' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a?fieldValidation=Strict`, { spec: { colour: 'y' } }, MERGE);
  await call('PATCH', `${WIDGETS}/a`, {}, STRATEGIC);
  await call(
    'PATCH',
    `${WIDGETS}/a/status`,
    { status: { replicas: 3 }, spec: { replicas: 5 }, metadata: { labels: { a: 'b' } } },
    MERGE,
  );
  await call('GET', `${WIDGETS}/a/scale`);
  await call('PATCH', `${WIDGETS}/a/scale`, { spec: { replicas: 5 } }, MERGE);
  await call('PATCH', `${WIDGETS}/a/scale`, { spec: { replicas: 4 } }, MERGE);
  await call('PATCH', `${WIDGETS}/z?fieldManager=op`, widget('z', { replicas: 1 }), APPLY);
  await call('PATCH', `${WIDGETS}/z?fieldManager=other`, widget('z', { replicas: 3 }), APPLY);
  await call(
    'PATCH',
    `${WIDGETS}/z/status?fieldManager=op`,
    {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'z' },
      status: { replicas: 1 },
    },
    APPLY,
  );
  await call('GET', WIDGETS);
  await call('GET', `${WIDGETS}?fieldSelector=spec.x%3D1`);
  await call('GET', WIDGETS, undefined, {
    headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
  });
  await call('GET', '/apis/example.com/v1');
  await call('GET', '/apis/example.com');
  const finalizers = ['cleanup.example.com', 'plain', 'wrong name'];
  for (const finalizer of finalizers) {
    const held = { ...widget('held'), metadata: { name: 'held', finalizers: [finalizer] } };
    await call('POST', WIDGETS, held);
    await call('PATCH', `${WIDGETS}/held`, { metadata: { finalizers: null } }, MERGE);
    await call('DELETE', `${WIDGETS}/held`);
  }
  await call('DELETE', `${WIDGETS}/a`);
  await call('DELETE', `${WIDGETS}/nope`);
};
