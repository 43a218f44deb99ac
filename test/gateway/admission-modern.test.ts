/** Admission in the stateless era: the same refusals, and a request that takes too long is closed at the server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { beginEvents, sendResult, startModernStub, type ModernStub } from './modern-stub.ts';
import { call, modern, open, tool } from './modern-world.ts';
import { lastMessage, post } from './client.ts';
import { startWorld } from './world.ts';

test(verifies('admission.modern'), async (t) => {
  const stub = await startModernStub(t, {
    onRequest: ({ message }) =>
      message.method === 'tools/call' && message.params?.['name'] === 'safe',
  });
  const world = await startWorld({
    backends: [stub.port],
    config: {
      policies: {
        ...DEFAULT_POLICIES,
        bulkheads: [
          {
            name: 'safe',
            match: { tools: ['safe'] },
            per: 'All',
            maxConcurrent: 1,
            maxQueue: 0,
            maxWaitMs: 1_000,
            order: 'FIFO',
            adaptive: false,
          },
        ],
        rateLimits: [
          {
            name: 'lists',
            match: { methods: ['tools/list'] },
            per: 'Tenant',
            requests: 1,
            intervalMs: 3_600_000,
            burst: 2,
          },
        ],
      },
    },
  });
  t.after(() => world.stop());
  const { url } = world.pod(0);
  const running = tool(url, 'safe', {}, { id: 'first' });
  await eventually('it runs', () => stub.of('tools/call').length === 1);
  const full = await tool(url, 'safe', {}, { id: 'second' });
  assert.deepEqual([full.status, full.json.error?.code, full.json.id], [503, -31041, 'second']);
  assert.equal((await tool(url, 'risky')).status, 200);
  const [asked] = stub.of('tools/call');
  if (asked !== undefined) sendResult(asked, {});
  assert.equal((await running).status, 200);
  const lists = [await call(url, 'tools/list'), await call(url, 'tools/list')];
  assert.deepEqual(
    lists.map(({ status }) => status),
    [200, 200],
  );
  const over = await call(url, 'tools/list', {}, { id: 'third' });
  assert.deepEqual([over.status, over.json.error?.code, over.json.id], [429, -31040, 'third']);
  assert.ok(Number(over.headers.get('retry-after')) >= 1);
});

/** Two pods of which only the first has a server, so that requests to the second go over the hop. */
async function startLate(stub: ModernStub, other: ModernStub) {
  const world = await startWorld({
    backends: [stub.port, other.port],
    config: { policies: { ...DEFAULT_POLICIES, requestTimeoutMs: 400 } },
  });
  await other.stop();
  await eventually('the other server is down', () => !world.pod(1).gateway.backendReady());
  return world;
}

test(verifies('admission.modern-deadline'), async (t) => {
  const stub = await startModernStub(t, {
    onRequest(request) {
      const { message } = request;
      if (message.method === 'subscriptions/listen' || message.params?.['name'] === 'risky') {
        const send = beginEvents(request);
        const said = 'notifications/subscriptions/acknowledged';
        const acknowledged = { notifications: { toolsListChanged: true } };
        if (message.method === 'subscriptions/listen')
          send({
            method: said,
            params: {
              ...acknowledged,
              _meta: {
                'io.modelcontextprotocol/subscriptionId': message.id,
              },
            },
          });
        else send({ method: 'notifications/message', params: { level: 'info', data: 1 } });
        return true;
      }
      return message.method === 'tools/call';
    },
  });
  const world = await startLate(stub, await startModernStub(t));
  t.after(() => world.stop());
  const listen = await open(world.pod(0).url, 'subscriptions/listen', {
    notifications: { toolsListChanged: true },
  });
  for (const index of [0, 1]) {
    const { message, headers } = modern('tools/call', { name: 'safe' }, { id: `late ${index}` });
    const late = await post(world.pod(index).url, message, headers);
    assert.deepEqual(
      [late.status, late.json.error?.code, late.json.id],
      [200, -31043, `late ${index}`],
    );
    await stub.of('tools/call').at(-1)?.gone;
  }
  const stream = await open(world.pod(1).url, 'tools/call', { name: 'risky' });
  await stream.ended;
  assert.equal(lastMessage(stream).error.code, -31043);
  await stub.of('tools/call').at(-1)?.gone;
  // A subscription has no end to be late for.
  let ended = false;
  const over = listen.ended.then(
    () => (ended = true),
    () => undefined,
  );
  assert.equal((await call(world.pod(0).url, 'tools/list')).status, 200);
  assert.equal(ended, false);
  listen.close();
  await over;
});
