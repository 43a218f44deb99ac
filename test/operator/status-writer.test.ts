/** Writing of statuses in virtual time: what is written at once, and what is held back for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpClusterStatus } from '../../src/api/index.ts';
import type { KubeClient } from '../../src/kube/index.ts';
import { createStatusWriter } from '../../src/operator/status-writer.ts';
import { createVirtualClock } from '../virtual-clock.ts';
import { cluster } from './core/fixtures.ts';

test('facts are written at once; counters right after wait, and whoever writes is told how long', async () => {
  const clock = createVirtualClock();
  const written: McpClusterStatus[] = [];
  const apply = async (_: unknown, body: { readonly status?: McpClusterStatus }) => {
    written.push(body.status ?? {});
    return body;
  };
  const writer = createStatusWriter({
    client: { apply: apply as unknown as KubeClient['apply'] },
    recorder: { record: () => undefined },
    clusterMetrics: { observe: () => undefined, forget: () => undefined },
    clock,
  });
  const subject = cluster();
  const write = (status: McpClusterStatus): Promise<number> =>
    writer.write(writer.withLatestStatus(subject), status);

  assert.equal(await write({ phase: 'Running', sessions: 1 }), 0);
  await clock.advance(1_000);
  assert.equal(await write({ phase: 'Running', sessions: 2 }), 4_000);
  assert.equal(written.length, 1, 'counters alone wait');
  assert.equal(await write({ phase: 'Running', sessions: 1 }), 0, 'there is nothing to write');
  assert.equal(await write({ phase: 'Degraded', sessions: 2 }), 0);
  assert.equal(written.length, 2, 'facts do not wait, and take counters along');
  await clock.advance(5_000);
  assert.equal(await write({ phase: 'Degraded', sessions: 3 }), 0);
  assert.deepEqual(written.at(-1), { phase: 'Degraded', sessions: 3 });
});
