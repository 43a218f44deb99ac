/** Services, EndpointSlices and Endpoints. */
import type { Body } from '../fixture.ts';
import { DEFAULT, MERGE, type Chapter } from './chapter.ts';

const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices';

export const services: Chapter = async (call) => {
  const path = `${DEFAULT}/services`;
  await call('POST', path, {
    metadata: { name: 'web' },
    spec: { selector: { a: 'b' }, ports: [{ port: 80 }] },
  });
  await call('POST', path, {
    metadata: { name: 'head' },
    spec: { clusterIP: 'None', ports: [{ port: 80, name: 'a', targetPort: 'http' }] },
  });
  await call('POST', path, {
    metadata: { name: 'peers' },
    spec: {
      clusterIP: 'None',
      selector: { a: 'b' },
      publishNotReadyAddresses: true,
      ports: [{ port: 80 }],
    },
  });
  await call('POST', path, {
    metadata: { name: 'node' },
    spec: { type: 'NodePort', selector: { a: 'b' }, ports: [{ port: 80 }] },
  });
  await call('POST', path, { metadata: { name: 'none' }, spec: {} });
  await call('POST', path, {
    metadata: { name: 'two' },
    spec: { ports: [{ port: 80 }, { port: 81 }] },
  });
  await call('POST', path, { metadata: { name: '1two' }, spec: { ports: [{ port: 80 }] } });
  await call('POST', path, { metadata: { name: 'big' }, spec: { ports: [{ port: 70_000 }] } });
  await call('PUT', `${path}/web`, { metadata: { name: 'web' }, spec: { ports: [{ port: 81 }] } });
  await call(
    'PATCH',
    `${path}/web`,
    { spec: { clusterIP: '10.96.77.77', clusterIPs: ['10.96.77.77'] } },
    MERGE,
  );
  await call(
    'PATCH',
    `${path}/web/status`,
    { status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
    MERGE,
  );
  await call('DELETE', `${path}/web`);
  const slice = (name: string, address: string): Body => ({
    metadata: { name },
    addressType: 'IPv4',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ port: 80, name: 'http' }],
  });
  await call('POST', slices, slice('s1', '10.244.0.1'));
  await call('POST', slices, slice('s2', '127.0.0.1'));
  await call('POST', slices, slice('s2', 'nonsense'));
  await call('POST', slices, { metadata: { name: 's2' }, endpoints: [] });
  await call('PATCH', `${slices}/s1`, { endpoints: [{ addresses: ['10.244.0.2'] }] }, MERGE);
  await call('PATCH', `${slices}/s1`, { addressType: 'IPv6' }, MERGE);
  await call('POST', `${DEFAULT}/endpoints`, {
    metadata: { name: 'e' },
    subsets: [{ addresses: [{ ip: '10.244.0.1' }], ports: [{ port: 80 }] }],
  });
};
