/** Many clusters under one operator: a change to one touches only that one, and nothing is written when nothing changes. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { requestsASecond, startFleet, type Fleet } from './fleet.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

/** `npm run bench -- operator` does the same with 200. */
const CLUSTERS = 20;
/** As long as ten looks at what is not watched. */
const REST_SECONDS = 600;
const RESYNC_SECONDS = 60;

void suite('many clusters', { skip }, () => {
  let api: RealApi;
  let fleet: Fleet;
  before(async () => {
    api = await startRealApi(true);
    fleet = await startFleet(api, CLUSTERS);
  });
  after(async () => {
    await fleet?.stop();
    await api?.stop();
  });
  const quiet = async (): Promise<void> => {
    await eventually(
      'no write for a second',
      async () => (await fleet.observe(1_000)).writes.length === 0,
      30_000,
    );
  };

  test(verifies('operator.fleet-quiet'), async () => {
    await quiet();
    const { requests, writes } = await fleet.observe(5_000);
    assert.deepEqual(writes, []);
    assert.ok(requests < 5, `${requests} requests in 5 s`);
  });

  test(verifies('operator.fleet-rest'), async (t) => {
    await quiet();
    const requests = await fleet.rest(REST_SECONDS);
    assert.deepEqual(
      requests.filter((line) => !line.startsWith('GET ')),
      [],
    );
    // What is looked at of each cluster was looked at: the clock did not run away from the operator.
    for (let number = 0; number < CLUSTERS; number += 1) {
      const own = requests.filter((line) => line.includes(`/secrets/c${number}-`));
      assert.ok(own.length >= REST_SECONDS / RESYNC_SECONDS - 1, `c${number}: ${own.length}`);
    }
    const perSecond = requestsASecond(requests, REST_SECONDS);
    t.diagnostic(`${perSecond.toFixed(2)} requests a second`);
    assert.ok(perSecond < 1);
  });

  test(verifies('operator.fleet-apart'), async () => {
    await quiet();
    const written = fleet.faulty.writes.length;
    const ref = { namespace: fleet.namespace, name: 'c7' };
    const body = { spec: { server: { env: [{ name: 'A', value: 'b' }] } } };
    await api.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body });
    await eventually('the change to be written', () => fleet.faulty.writes.length > written);
    await quiet();
    const others = fleet.faulty.writes
      .slice(written)
      .filter((line) => !/\/c7[-/?]|\/c7$|\/events/.test(line));
    assert.deepEqual(others, []);
  });

  test(verifies('operator.fleet-restart'), async () => {
    await quiet();
    const written = fleet.faulty.writes.length;
    const before = fleet.faulty.asked('limit=500');
    await fleet.restart();
    await eventually('all to be listed again', () => fleet.faulty.asked('limit=500') > before);
    await quiet();
    assert.deepEqual(fleet.faulty.writes.slice(written), []);
  });
});
