/** A tool that hangs for a hundred callers, before a real server with a pool of workers: the others are served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { connect } from './client.ts';
import { BULKHEAD, openPool, startPoolServer } from './pool-world.ts';
import { startWorld } from './world.ts';

test(verifies('admission.hanging-tool'), async (t) => {
  const server = await startPoolServer();
  t.after(() => server.kill());
  const world = await startWorld({
    backends: [server.port, server.port],
    config: { policies: { ...DEFAULT_POLICIES, bulkheads: [BULKHEAD] } },
  });
  t.after(() => world.stop());
  const pools = [await openPool(world.pod(0).url), await openPool(world.pod(1).url)];
  const [first, second] = pools;
  if (first === undefined || second === undefined) throw new Error('two pods');
  await first.hang(100, 4);
  await second.hang(50, 8);
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? first : second).call('echo')),
  );
  assert.ok(answers.every(({ json }) => json.result?.content[0]?.text === 'echo'));
  await first.release();
  await second.release();
  for (const index of [0, 1])
    await eventually('nobody is inside', async () =>
      (await world.pod(index).metrics.exposition()).includes(
        'gateway_bulkhead_in_use{bulkhead="tools"} 0',
      ),
    );
});

test(verifies('admission.cancel-frees'), async (t) => {
  const server = await startPoolServer();
  t.after(() => server.kill());
  const world = await startWorld({
    backends: [server.port, server.port],
    config: { policies: { ...DEFAULT_POLICIES, bulkheads: [BULKHEAD] } },
  });
  t.after(() => world.stop());
  const metric = async (index: number): Promise<string | undefined> =>
    /gateway_bulkhead_in_use\{bulkhead="tools"\} (\d+)/.exec(
      await world.pod(index).metrics.exposition(),
    )?.[1];
  const { client, redirect } = await connect(world.pod(0).url);
  const abort = new AbortController();
  const hung = [1, 2, 3, 4].map(() =>
    client.callTool({ name: 'hang' }, undefined, { signal: abort.signal }).catch(() => 'left'),
  );
  await eventually('all places are taken', async () => (await metric(0)) === '4');
  // The official client gives up and says so, now through the other pod; the official server then answers nothing at all.
  redirect(world.pod(1).url);
  abort.abort();
  await Promise.all(hung);
  await eventually('all places are free', async () => (await metric(0)) === '0');
  redirect(world.pod(0).url);
  const echoed = await client.callTool({ name: 'echo' });
  assert.deepEqual(echoed.content, [{ type: 'text', text: 'echo' }]);
  await client.close();
});
