/** Names and forwarders from Services and EndpointSlices. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import { test, type TestContext } from 'node:test';
import type { EndpointSlice, Service } from '../../../src/devcluster/core/index.ts';
import {
  clusterNames,
  createServiceProxy,
  serviceTargets,
  twinOf,
} from '../../../src/devcluster/network/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';

function service(name: string, spec: Partial<Service['spec']>): Service {
  return { apiVersion: 'v1', kind: 'Service', metadata: { name, namespace: 'a' }, spec };
}

function slice(
  serviceName: string,
  endpoints: EndpointSlice['endpoints'],
  ports: EndpointSlice['ports'] = [],
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `${serviceName}-1`,
      namespace: 'a',
      labels: { 'kubernetes.io/service-name': serviceName },
    },
    addressType: 'IPv4',
    endpoints,
    ports,
  };
}

test('names: cluster address, ready endpoints of a headless Service, a name for each host', () => {
  const endpoints = [
    { addresses: ['10.244.1.2'], hostname: 'db-0', conditions: { ready: true } },
    { addresses: ['10.244.1.3'], hostname: 'db-1', conditions: { ready: false } },
  ];
  const names = clusterNames(
    [
      service('web', { clusterIP: '10.96.0.9' }),
      service('db', { clusterIP: 'None' }),
      service('peers', { clusterIP: 'None', publishNotReadyAddresses: true }),
    ],
    [slice('db', endpoints), slice('peers', endpoints)],
  );
  assert.deepEqual(names, {
    'web.a.svc': ['10.96.0.9'],
    'db.a.svc': ['10.244.1.2'],
    'db-0.db.a.svc': ['10.244.1.2'],
    'peers.a.svc': ['10.244.1.2', '10.244.1.3'],
    'db-0.peers.a.svc': ['10.244.1.2'],
    'db-1.peers.a.svc': ['10.244.1.3'],
  });
});

test('targets: ready endpoints of any manager; those that still serve when none is ready', () => {
  const web = service('web', { clusterIP: '10.96.0.9' });
  const port = { name: 'http', port: 80 };
  const ports = [{ name: 'http', port: 8080 }];
  const at = (address: string, conditions: object) => ({ addresses: [address], conditions });
  const ready = at('10.244.1.2', { ready: true });
  const ending = at('10.244.1.3', { ready: false, serving: true, terminating: true });
  assert.deepEqual(serviceTargets(web, port, [slice('web', [ready, ending], ports)]), [
    { address: '10.244.1.2', port: 8080 },
  ]);
  assert.deepEqual(serviceTargets(web, port, [slice('web', [ending], ports)]), [
    { address: '10.244.1.3', port: 8080 },
  ]);
  assert.deepEqual(
    serviceTargets(web, port, [slice('web', [ready], [{ name: 'x', port: 1 }])]),
    [],
  );
});

/** A server at a loopback address that says its name to each connection. */
async function greeter(t: TestContext, name: string, address: string): Promise<number> {
  const server: Server = createServer((socket) => socket.end(name));
  server.listen(0, address);
  await once(server, 'listening');
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function greeting(port: number, host: string): Promise<string> {
  const socket = connect(port, host);
  let text = '';
  try {
    for await (const chunk of socket) text += String(chunk);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
  return text;
}

test(verifies('devcluster.network-forward'), async (t) => {
  const address = `10.96.200.${1 + Math.floor(Math.random() * 250)}`;
  const first = await greeter(t, 'first', '127.244.250.1');
  const second = await greeter(t, 'second', '127.244.250.2');
  const proxy = createServiceProxy({
    logger: silentLogger,
    apiServer: { address: '127.0.0.1', port: 1 },
  });
  t.after(() => proxy.stop());
  const web = service('web', { clusterIP: address, ports: [{ port: 8099 }] });
  const at = (ip: string, port: number, ready: boolean): EndpointSlice => ({
    ...slice('web', [{ addresses: [ip], conditions: { ready } }], [{ name: '', port }]),
    metadata: {
      name: `web-${ip}`,
      namespace: 'a',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
  });
  proxy.update([web], [at('10.244.250.1', first, true), at('10.244.250.2', second, true)]);
  const port = await eventually('the forwarder', () => proxy.port(web, 8099));
  const host = twinOf(address);
  const seen = [await greeting(port, host), await greeting(port, host)];
  assert.deepEqual(seen.sort(), ['first', 'second']);
  proxy.update([web], [at('10.244.250.1', first, false), at('10.244.250.2', second, true)]);
  assert.deepEqual(
    [await greeting(port, host), await greeting(port, host)],
    ['second', 'second'],
    'an endpoint that is not ready gets nothing new',
  );
  proxy.update([web], []);
  assert.equal(await greeting(port, host), 'ECONNRESET', 'nobody is ready');
  proxy.update([], []);
  await eventually(
    'the listener to close',
    async () => (await greeting(port, host)) === 'ECONNREFUSED',
  );
});
