/** Discovery, and paths and methods that are not served. */
import type { Chapter } from './chapter.ts';

/** Groups of which both serve the same resources, and things that are no resource. */
export const discovery: Chapter = async (call) => {
  const groups = ['policy', 'apiextensions.k8s.io', 'coordination.k8s.io', 'discovery.k8s.io'];
  for (const group of [...groups, 'events.k8s.io', 'rbac.authorization.k8s.io']) {
    await call('GET', `/apis/${group}`);
    await call('GET', `/apis/${group}/v1`);
  }
  await call('GET', '/apis/apps');
  for (const path of ['/apis/nope', '/apis/apps/v9', '/apis/apps/v1/nope', '/nope', '/healthz']) {
    await call('GET', path);
  }
  await call('GET', '/api/v1/pods/x');
  await call('GET', '/api/v1/namespaces/default/nodes');
  await call('GET', '/apis/apps/v1/namespaces/default/statefulsets/x/nope');
  await call('POST', '/api/v1/configmaps', {});
  await call('PUT', '/api/v1/namespaces/default/configmaps', {});
  await call('DELETE', '/api/v1/namespaces');
  await call('GET', '/api/v1/namespaces/nowhere/pods');
};
