/** Active probes against a real server that answers, fails, hangs and goes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { createActiveProbe } from '../../src/gateway/health/active-probe.ts';
import { createHttpClient, plainConnector } from '../../src/gateway/http-client.ts';
import { systemClock } from '../../src/host/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';

test(`of a real server: ${verifies('health.probes')}`, async (t) => {
  let behaviour: number | 'hang' = 404;
  const asked: IncomingMessage['headers'][] = [];
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.headers);
    request.setEncoding('utf8').on('data', (text: string) => bodies.push(text));
    request.on('end', () => {
      if (behaviour !== 'hang') response.writeHead(behaviour).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = createHttpClient(plainConnector(1_000, systemClock));
  const probe = createActiveProbe({
    client,
    origin: `http://127.0.0.1:${port}`,
    path: '/mcp',
    host: `localhost:${port}`,
    rules: () => ({ intervalMs: 10, timeoutMs: 100, unhealthyThreshold: 3, healthyThreshold: 2 }),
    downIntervalMs: 5,
    clock: systemClock,
  });
  const told: boolean[] = [];
  probe.onChange((ready) => told.push(ready));
  t.after(async () => {
    probe.stop();
    await client.stop();
    server.close();
    server.closeAllConnections();
  });
  probe.start();
  await eventually('a server that knows no such session is well', () => probe.ready());

  behaviour = 503;
  const before = asked.length;
  await eventually('it fails', () => !probe.ready());
  assert.ok(asked.length - before >= 3, 'three in a row');
  behaviour = 405;
  await eventually('it answers again', () => probe.ready());
  behaviour = 'hang';
  await eventually('it hangs', () => !probe.ready());
  behaviour = 200;
  await eventually('it is back', () => probe.ready());
  server.close();
  server.closeAllConnections();
  await eventually('it is gone', () => !probe.ready());
  assert.deepEqual(told, [true, false, true, false, true, false]);

  const ids = new Set(asked.map((headers) => headers['mcp-session-id']));
  assert.deepEqual([...ids], ['mcp-cluster-health-probe'], 'never the id of a session');
  for (const body of bodies) assert.equal((JSON.parse(body) as { method: string }).method, 'ping');
});
