/** A tool that hangs for a hundred callers, before a real server with a pool of workers: the others are served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_POLICIES } from '../../src/gateway/policies.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
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
