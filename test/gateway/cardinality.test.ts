/** No label takes its value from a client: whatever one sends, the number of time series stays what it is. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { verifies } from '../requirements.ts';
import { BULKHEAD, openPool, startPoolServer } from './pool-world.ts';
import { startWorld } from './world.ts';

/** One request with `number` in every place that a client decides on; resolves when it was answered. */
function odd(url: URL, number: number): Promise<void> {
  const tag = `odd-${number}`;
  const method = ['POST', 'GET', 'DELETE', 'POST'][number % 4] as string;
  const rpc = number % 8 === 3 ? tag : 'tools/call';
  const params = { name: tag, arguments: { [tag]: tag }, _meta: { progressToken: tag } };
  const body = JSON.stringify({ jsonrpc: '2.0', id: tag, method: rpc, params });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-session-id': tag,
    'mcp-protocol-version': number % 3 === 0 ? tag : '2025-11-25',
    'last-event-id': tag,
    'user-agent': tag,
    'x-tenant': tag,
    authorization: `Bearer ${tag}`,
    ...(number % 5 === 0 ? { origin: `http://${tag}.example` } : {}),
  };
  const path = number % 7 === 0 ? `/${tag}?${tag}=1` : url.pathname;
  const sent = request({ host: url.hostname, port: url.port, path, method, headers }, (answer) => {
    answer.resume().on('end', resolve).on('error', reject);
  });
  sent.on('error', reject).end(method === 'POST' ? body : undefined);
  return promise;
}

test(verifies('metrics.bounded'), async (t) => {
  const server = await startPoolServer();
  t.after(() => server.kill());
  const policies = { ...DEFAULT_POLICIES, bulkheads: [BULKHEAD] };
  const world = await startWorld({ backends: [server.port, server.port], config: { policies } });
  t.after(() => world.stop());
  const { url, metrics } = world.pod(0);
  const series = async (): Promise<string[]> =>
    (await metrics.exposition())
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => line.slice(0, line.lastIndexOf(' ')))
      .sort();
  const send = async (from: number, to: number): Promise<void> => {
    for (let number = from; number < to; number += 1) await odd(url, number);
    const pool = await openPool(url);
    for (let number = from; number < to; number += 20) await pool.call(`odd-${number}`);
  };
  // Every combination of the moduli above occurs among 840 consecutive numbers.
  await send(0, 840);
  const before = await series();
  assert.ok(
    before.some((name) => name.includes('method="tools/call"')),
    before.join('\n'),
  );
  assert.ok(
    before.every((name) => !name.includes('odd-')),
    'a label holds what a client sent',
  );
  await send(840, 2520);
  assert.deepEqual(await series(), before);
});
