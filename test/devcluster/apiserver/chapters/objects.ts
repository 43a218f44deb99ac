/** Any object by the example of ConfigMaps and Secrets: writes, patches, refusals, lists and selectors. */
import { configMap } from '../fixture.ts';
import { DEFAULT, JSON_PATCH, MERGE, STRATEGIC, type Chapter } from './chapter.ts';

export const objects: Chapter = async (call) => {
  const maps = `${DEFAULT}/configmaps`;
  await call('POST', maps, configMap('a', { metadata: { name: 'a', labels: { app: 'x' } } }));
  await call('POST', maps, configMap('a'));
  await call('GET', `${maps}/a`);
  await call('GET', `${maps}/nope`);
  await call('PUT', `${maps}/a`, configMap('a', { data: { c: 'd' } }));
  await call('PUT', `${maps}/a`, { metadata: { name: 'a', resourceVersion: '1' } });
  await call('PUT', `${maps}/a`, { metadata: { name: 'a', uid: 'other' } });
  await call('PUT', `${maps}/b`, configMap('a'));
  await call('PUT', `${maps}/b`, configMap('b'));
  await call('PATCH', `${maps}/a`, { data: { e: 'f' }, metadata: { labels: { x: 'y' } } }, MERGE);
  await call('PATCH', `${maps}/a`, { data: { c: null } }, STRATEGIC);
  await call('PATCH', `${maps}/a`, [{ op: 'add', path: '/data/g', value: 'h' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, [{ op: 'test', path: '/data/g', value: 'i' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, [{ op: 'remove', path: '/data/nope' }], JSON_PATCH);
  await call('PATCH', `${maps}/a`, { metadata: { name: 'b' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { uid: 'b' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { resourceVersion: '1' } }, MERGE);
  await call('PATCH', `${maps}/a`, { metadata: { finalizers: ['x'] } }, MERGE);
  await call('PATCH', `${maps}/a`, { immutable: true }, MERGE);
  await call('PATCH', `${maps}/a`, { data: { z: 'z' } }, MERGE);
  await call('PATCH', `${maps}/a`, {}, { contentType: 'application/json' });
  await call('PATCH', `${maps}/nope`, {}, MERGE);
  await call('POST', maps, { metadata: { name: 'X_' } });
  await call('POST', maps, { metadata: {} });
  await call('POST', maps, { metadata: { name: 'x', namespace: 'other' } });
  await call('POST', maps, { metadata: { name: 'x', resourceVersion: '5' } });
  await call('POST', maps, {
    metadata: { name: 'x', labels: { 'a b': 'c', 'a/b/c': 'd', e: '_f' } },
  });
  await call('POST', maps, { metadata: { name: 'x', annotations: { 'a b': 'c' } } });
  await call('POST', maps, { metadata: { name: 'x' }, data: { 'a/b': 'c' } });
  await call('POST', maps, { metadata: { name: 'x' }, data: { a: 5 } });
  await call('POST', `${maps}?fieldValidation=Strict`, { metadata: { name: 'x' }, dataz: {} });
  await call('POST', `${maps}?fieldValidation=Sometimes`, { metadata: { name: 'x' } });
  await call('POST', `${maps}?dryRun=All`, configMap('dry'));
  await call('POST', `${maps}?dryRun=Maybe`, configMap('dry'));
  await call('GET', `${maps}/dry`);
  await call('POST', '/api/v1/namespaces/nowhere/configmaps', configMap('a'));
  await call('DELETE', `${maps}/a`, { preconditions: { uid: 'wrong' } });
  await call('DELETE', `${maps}/a`, { preconditions: { resourceVersion: '1' } });
  await call('DELETE', `${maps}/a`);
  await call('DELETE', `${maps}/a`);
};

export const lists: Chapter = async (call) => {
  const secrets = `${DEFAULT}/secrets`;
  for (const name of ['a', 'b', 'c']) {
    await call('POST', secrets, {
      metadata: { name, labels: { app: name } },
      stringData: { k: name },
    });
  }
  const page = await call('GET', `${secrets}?limit=2`);
  await call(
    'GET',
    `${secrets}?limit=2&continue=${encodeURIComponent(page.body.metadata.continue)}`,
  );
  await call('GET', `${secrets}?labelSelector=app%20in%20(a,c)`);
  await call('GET', `${secrets}?labelSelector=app!%3Da&limit=1`);
  await call('GET', `${secrets}?fieldSelector=type%3DOpaque,metadata.name%3Db`);
  await call('GET', `${secrets}?fieldSelector=data.x%3D1`);
  await call('GET', `${secrets}?labelSelector=a%20b`);
  await call('GET', `${secrets}?resourceVersion=abc`);
  await call('GET', '/api/v1/pods?fieldSelector=spec.nodeName%3Dn');
  await call('GET', '/api/v1/pods?fieldSelector=spec.colour%3Dn');
  await call('PATCH', `${secrets}/a`, { type: 'other' }, MERGE);
  await call('POST', secrets, { metadata: { name: 't' }, type: 'kubernetes.io/tls' });
  await call('GET', `${secrets}/a`, undefined, {
    headers: { accept: 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io' },
  });
  await call('DELETE', `${secrets}?labelSelector=app%3Da`);
  await call('GET', secrets);
};
