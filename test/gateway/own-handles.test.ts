/** State handles and whose they are, in front of servers that serve whoever names one. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { DEFAULT_POLICIES, type GatewayPolicies } from '../../src/gateway/policies.ts';
import { verifies } from '../requirements.ts';
import { INITIALIZE, post, POST_HEADERS, raw, type RawAnswer } from './client.ts';
import { sendResult, startModernStub } from './modern-stub.ts';
import { modern, startModern, tool } from './modern-world.ts';
import { startWorld, type World } from './world.ts';

const ALICE = { authorization: 'Bearer alice-token-0123456789' };
const BOB = { authorization: 'Bearer bob-token-012345678901' };

async function policiesFor(t: TestContext): Promise<GatewayPolicies> {
  const folder = await mkdtemp(join(tmpdir(), 'handles-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'tokens');
  await writeFile(path, 'alice-token-0123456789 acme\nbob-token-012345678901 acme\n');
  const { loadBalancing } = DEFAULT_POLICIES;
  return {
    ...DEFAULT_POLICIES,
    auth: { providers: [{ type: 'TokenFile', path }], rules: [] },
    loadBalancing: { ...loadBalancing, stateHandles: [{ argument: 'basket_id' }] },
  };
}

/** What the caller gets to see, without what no two answers share. */
const seen = ({ status, json }: RawAnswer): unknown => [status, json.result ?? json.error];

test(verifies('modern.handle-bound'), async (t) => {
  const config = { policies: await policiesFor(t) };
  const { urls } = await startModern(t, 2, { config });
  const made = await tool(urls[0] as URL, 'create_basket', {}, { headers: ALICE });
  const { structuredContent } = made.json.result as { structuredContent?: { basket_id: string } };
  const basket_id = String(structuredContent?.basket_id);
  for (const url of urls) {
    const add = (id: string, headers: typeof BOB): Promise<RawAnswer> =>
      tool(url, 'add_to_basket', { basket_id: id, item: 'x' }, { headers });
    assert.match((await add(basket_id, ALICE)).body, /"x/);
    const stranger = await add('nobody-made-it', BOB);
    assert.match(stranger.body, /no such basket/);
    assert.deepEqual(seen(await add(basket_id, BOB)), seen(stranger));
    const opened = await post(url, INITIALIZE, BOB);
    const session = { ...BOB, 'mcp-session-id': opened.headers.get('mcp-session-id') ?? '' };
    const call = (id: string): Promise<RawAnswer> => {
      const params = { name: 'add_to_basket', arguments: { basket_id: id, item: 'x' } };
      return post(url, { jsonrpc: '2.0', id: 1, method: 'tools/call', params }, session);
    };
    assert.deepEqual(seen(await call(basket_id)), seen(await call('nobody-made-it-2')));
  }
  const last = await tool(
    urls[1] as URL,
    'add_to_basket',
    { basket_id, item: 'y' },
    { headers: ALICE },
  );
  assert.match(last.body, /x,x,y/);
});

test('of two who name the same at once, one has it, and the server never gets it from the other', async (t) => {
  const stubs = await Promise.all([0, 1].map(() => startModernStub(t)));
  const config = { policies: await policiesFor(t) };
  const world = await startWorld({ backends: stubs.map(({ port }) => port), config });
  t.after(() => world.stop());
  for (let round = 0; round < 10; round++) {
    const name = `cart-${round}`;
    const startedAt = performance.now();
    const answers = await Promise.all(
      [ALICE, BOB].map((headers, index) =>
        tool(world.pod(index).url, 'risky', { basket_id: name }, { headers }),
      ),
    );
    assert.ok(performance.now() - startedAt < 5_000, 'nobody waits for the time of a failover');
    const given = stubs
      .flatMap((stub) => stub.of('tools/call'))
      .filter(({ text }) => text.includes(`"${name}"`));
    const well = answers.filter(({ json }) => json.error === undefined);
    assert.ok(well.length >= 1);
    assert.equal(given.length, 1);
  }
});

/** One pod, whose server repeats what it was given, and one header that has to say the same as the body. */
async function repeating(t: TestContext): Promise<World> {
  const basket = { type: 'string', 'x-mcp-header': 'Basket' };
  const stub = await startModernStub(t, {
    tools: [{ name: 'keep', inputSchema: { type: 'object', properties: { basket_id: basket } } }],
    onRequest(request) {
      if (request.message.method !== 'tools/call') return false;
      const { arguments: given } = request.message.params as { arguments: object };
      const header = request.headers['mcp-param-basket'];
      sendResult(request, { content: [], structuredContent: { given, header } });
      return true;
    },
  });
  const world = await startWorld({
    backends: [stub.port],
    config: { policies: await policiesFor(t) },
  });
  t.after(() => world.stop());
  return world;
}

test('the first to use a name has it; others have a name of their own in its place', async (t) => {
  const { url } = (await repeating(t)).pod(0);
  const keep = async (basket_id: unknown, headers: object): Promise<unknown> => {
    const param = { ...headers, 'mcp-param-basket': String(basket_id) };
    const { json, body } = await tool(url, 'keep', { basket_id }, { headers: param });
    const result = json.result as unknown as { structuredContent: unknown } | undefined;
    return result?.structuredContent ?? body;
  };
  const own = { given: { basket_id: 'cart' }, header: 'cart' };
  assert.deepEqual(await keep('cart', ALICE), own);
  // The server got another one; whoever asked sees what he sent.
  assert.deepEqual(await keep('cart', BOB), own);
  assert.deepEqual(await keep('cart', BOB), own);
  assert.deepEqual(await keep(5, ALICE), { given: { basket_id: 5 }, header: '5' });
  assert.deepEqual(await keep(5, BOB), { given: { basket_id: 5 }, header: '5' });
});

test('the server never gets the name that another principal has', async (t) => {
  const given: unknown[] = [];
  const stub = await startModernStub(t, {
    onRequest(request) {
      if (request.message.method !== 'tools/call') return false;
      given.push((request.message.params as { arguments: unknown }).arguments);
      sendResult(request, { content: [] });
      return true;
    },
  });
  const config = { policies: await policiesFor(t) };
  const world = await startWorld({ backends: [stub.port], config });
  t.after(() => world.stop());
  const { url } = world.pod(0);
  const use = (args: object, headers: object): Promise<RawAnswer> =>
    tool(url, 'risky', args, { headers: headers as typeof ALICE });
  await use({ basket_id: 'cart' }, ALICE);
  await use({ basket_id: 7 }, ALICE);
  for (const basket_id of ['cart', 'cart', 7, '7']) await use({ basket_id }, BOB);
  const values = given.map((args) => (args as { basket_id: unknown }).basket_id);
  assert.deepEqual(values.slice(0, 2), ['cart', 7]);
  assert.equal(values.length, 6);
  assert.ok(!values.slice(2).some((value) => value === 'cart' || String(value) === '7'));
  assert.equal(values[2], values[3], 'the same one each time');
  assert.equal(typeof values[4], 'number');
  // What readers of JSON could take in two ways is no way around.
  const before = given.length;
  const { message, headers } = modern('tools/call', { name: 'risky', arguments: 'here' });
  for (const args of [
    '{"basket_id":"cart","basket_id":"mine"}',
    '{"basket_id":"mine","Basket_ID":"cart"}',
    '{"BASKET_ID":"cart"}',
  ]) {
    const body = JSON.stringify(message).replace('"here"', args);
    const sent = { ...POST_HEADERS, ...BOB, ...(headers as Record<string, string>) };
    assert.equal((await raw(url, { method: 'POST', headers: sent, body })).status, 400);
  }
  assert.equal(given.length, before);
});
