/** Stateless requests (2026-07-28) while servers and pods die: who repeats what, and what the client hears. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { messagesOf, POST_HEADERS, raw } from './client.ts';
import { beginEvents, startModernStub, type ModernStub } from './modern-stub.ts';
import { call, connectSprayed, modern, open, startModern, tool } from './modern-world.ts';
import { startWorld, type World } from './world.ts';
import type { TestContext } from 'node:test';

/** Two pods; the first one's server dies when a tool is called. */
async function twoPods(
  t: TestContext,
): Promise<{ world: World; dying: ModernStub; well: ModernStub }> {
  const dying: ModernStub = await startModernStub(t, {
    onRequest({ message }) {
      if (message.method !== 'tools/call') return false;
      void dying.stop();
      return true;
    },
  });
  const well = await startModernStub(t);
  const world = await startWorld({ backends: [dying.port, well.port] });
  t.after(() => world.stop());
  await eventually('the tools are known', () => dying.of('tools/list').length > 0);
  return { world, dying, well };
}

test(verifies('modern.repeat'), async (t) => {
  const { world, dying, well } = await twoPods(t);
  const answer = await tool(world.pod(0).url, 'safe', {}, { id: 'mine' });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.id, 'mine');
  assert.equal(answer.json.error, undefined);
  assert.equal(dying.of('tools/call')[0]?.message.id, 'mine');
  const second = well.of('tools/call')[0]?.message.id;
  assert.notEqual(second, undefined);
  assert.notEqual(second, 'mine');
});

test(verifies('modern.lossless-repeat'), async (t) => {
  const { world, dying, well } = await twoPods(t);
  const exact = '{"a":12345678901234567890,"b":[1.0,-0.1e-7],"c":9007199254740993}';
  const { message, headers } = modern('tools/call', { name: 'safe', arguments: 'here' }, { id: 5 });
  const body = JSON.stringify(message).replace('"here"', exact);
  const sent = { ...POST_HEADERS, ...(headers as Record<string, string>) };
  const answer = await raw(world.pod(0).url, { method: 'POST', headers: sent, body });
  assert.equal(answer.status, 200);
  assert.equal(answer.json.id, 5);
  assert.ok(dying.of('tools/call')[0]?.text.includes(exact));
  assert.ok(well.of('tools/call')[0]?.text.includes(exact));
});

test(verifies('modern.lost'), async (t) => {
  const { world, well } = await twoPods(t);
  const startedAt = performance.now();
  const answer = await tool(world.pod(0).url, 'risky', {}, { id: 7 });
  assert.ok(performance.now() - startedAt < 1_000);
  assert.equal(answer.status, 200);
  assert.equal(answer.json.id, 7);
  assert.equal(answer.json.error?.code, -31001);
  assert.deepEqual(answer.json.error.data, { retryable: false });
  assert.equal(well.of('tools/call').length, 0);
});

test('a pod that dies under a forwarded request: the same, over the hop', async (t) => {
  const [held, other] = [
    await startModernStub(t, { onRequest: ({ message }) => message.method === 'tools/call' }),
    await startModernStub(t),
  ];
  const world = await startWorld({ backends: [held.port, other.port] });
  t.after(() => world.stop());
  await other.stop();
  await eventually('only one server is up', () => !world.pod(1).gateway.backendReady());
  const asking = tool(world.pod(1).url, 'risky');
  await eventually('the request is at the other pod', () => held.of('tools/call').length === 1);
  const killedAt = performance.now();
  await world.pod(0).kill();
  const answer = await asking;
  assert.ok(performance.now() - killedAt < 1_000);
  assert.equal(answer.json.error?.code, -31001);
});

test(verifies('modern.stream-goes-on'), async (t) => {
  const progress = (value: number): object => ({
    method: 'notifications/progress',
    params: { progressToken: 'p', progress: value },
  });
  const steps = (until: number, end: boolean) => ({
    onRequest(
      request: Parameters<
        NonNullable<Parameters<typeof startModernStub>[1]>['onRequest'] & object
      >[0],
    ) {
      if (request.message.method !== 'tools/call') return false;
      const write = beginEvents(request);
      for (let value = 1; value <= until; value++) write(progress(value));
      if (end) write({ id: request.message.id, result: { content: [] } });
      else setImmediate(() => request.response.destroy());
      return true;
    },
  });
  const dying = await startModernStub(t, steps(2, false));
  const well = await startModernStub(t, steps(3, true));
  const world = await startWorld({ backends: [dying.port, well.port] });
  t.after(() => world.stop());
  await eventually('the tools are known', () => dying.of('tools/list').length > 0);
  const stream = async (name: string): Promise<unknown[]> => {
    const opened = await open(world.pod(0).url, 'tools/call', { name }, { id: 'mine' });
    await opened.ended;
    return messagesOf(opened).map(
      (each) => each.params?.['progress'] ?? each.error?.code ?? each.id,
    );
  };
  // Repeated elsewhere: progress goes on where it was, and the answer has the client's id.
  assert.deepEqual(await stream('safe'), [1, 2, 3, 'mine']);
  // Not to be repeated: the stream ends with an error, as a client whose stream just ends waits for its time-out.
  assert.deepEqual(await stream('risky'), [1, 2, -31001]);
});

test(verifies('modern.discover'), async (t) => {
  const first = await startModernStub(t);
  const world = await startWorld({ backends: [first.port] });
  t.after(() => world.stop());
  await first.stop();
  let status = 0;
  const held = call(world.pod(0).url, 'server/discover').then((answer) => (status = answer.status));
  await eventually('the server is missed', () => !world.pod(0).gateway.backendReady());
  assert.equal(status, 0);
  const second = await startModernStub(t, { port: first.port });
  assert.equal(await held, 200);
  assert.ok(second.of('server/discover').length > 0);
});

test('nobody comes back: the probe ends as 503, never as a word about the era', async (t) => {
  const world = await startWorld({
    backends: [1],
    waitReady: false,
    config: { timing: { failoverMs: 200 } },
  });
  t.after(() => world.stop());
  const { url } = world.pod(0);
  assert.equal((await call(url, 'server/discover')).status, 503);
  const other = await call(url, 'tools/list');
  assert.deepEqual([other.status, other.json.error?.code], [200, -31002]);
});

test(verifies('modern.drain'), async (t) => {
  const { world, urls, effects } = await startModern(t, 2);
  const [first] = urls as [URL];
  const { gateway } = world.pod(0);
  const running = open(
    first,
    'tools/call',
    { name: 'lasting_record', arguments: { what: 'last', steps: 20, stepMs: 20 } },
    { meta: { progressToken: 'p' } },
  );
  await eventually('it runs', async () => (await effects()).includes('last'));
  const drained = gateway.drain();
  // The front still answers, with the other pod's server.
  for (let index = 0; index < 5; index++)
    assert.equal((await tool(first, 'record', { what: `${index}` })).json.error, undefined);
  const stream = await running;
  await stream.ended;
  await drained;
  assert.equal(messagesOf(stream).at(-1)?.error, undefined);
  assert.equal(messagesOf(stream).length, 21);
  const done = (await effects()).filter((each) => !each.startsWith('cancelled'));
  assert.deepEqual(new Set(done), new Set(['last', '0', '1', '2', '3', '4']));
  assert.equal(done.length, 6);
});

test(verifies('modern.kills'), async (t) => {
  const { world, servers, urls, effects } = await startModern(t, 3);
  let service = [...urls];
  const client = await connectSprayed(t, () => service);
  const failures: string[] = [];
  const done: string[] = [];
  let slowestMs = 0;
  let stop = false;
  const run = async (name: string, what: string): Promise<boolean> => {
    const startedAt = performance.now();
    const args = { name, arguments: { what } };
    const ok = await client.callTool(args, { timeout: 30_000 }).then(
      () => true,
      (error: unknown) => failures.push(String(error)) < 0,
    );
    slowestMs = Math.max(slowestMs, performance.now() - startedAt);
    return ok;
  };
  const work = async (worker: number): Promise<void> => {
    for (let round = 0; !stop; round++) {
      await run('lasting_read', `read-${worker}-${round}`);
      const what = `${worker}-${round}`;
      if (await run('lasting_record', what)) done.push(what);
    }
  };
  const workers = Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)));
  await eventually('work is done', () => done.length > 50);
  await servers[2]?.kill();
  await eventually('work goes on without one server', () => done.length > 150);
  const afterServer = failures.splice(0);
  // Connections to the pod break with it, whatever anybody does; its address leaves the Service.
  service = urls.slice(0, 2);
  await world.pod(2).kill();
  await eventually('work goes on without the pod', () => done.length > 250);
  stop = true;
  await workers;
  for (const error of afterServer) assert.match(error, /lost while it worked/);
  assert.ok(failures.length <= 8, `${failures.length} calls were on connections to the pod`);
  for (const error of failures) assert.match(error, /fetch failed|lost while it worked/);
  // Nobody waited for a time-out; how quickly one hears is shown above, on a machine less busy.
  assert.ok(slowestMs < 5_000, `the slowest call took ${slowestMs} ms`);
  const happened = (await effects()).filter((each) => /^\d/.test(each));
  assert.equal(new Set(happened).size, happened.length);
  for (const each of done) assert.ok(happened.includes(each), each);
});
