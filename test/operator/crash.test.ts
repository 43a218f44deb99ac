/** The operator killed at every single write, at a real API server; skipped unless KUBEBUILDER_ASSETS is set. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { verifies } from '../requirements.ts';
import { countWrites, endpoints, isCalm, openBench } from './bench.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

/** More than a cluster takes to settle. */
const WRITES_MAX = 40;

void suite('operator that dies', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  test(verifies('operator.crash-safe'), async (t) => {
    let survived: number | undefined;
    for (let fatal = 1; fatal <= WRITES_MAX; fatal += 1) {
      if (survived !== undefined) break;
      await t.test(`the process dies at write ${fatal}`, async (each) => {
        let writes = 0;
        const died = Promise.withResolvers<void>();
        const dying = countWrites(api.client, () => {
          writes += 1;
          if (writes === fatal) died.resolve();
          if (writes >= fatal) throw new Error('the process is dead');
        });
        const b = await openBench(api, each, dying);
        await b.create();
        const calm = b.until('calm', isCalm);
        const end = await Promise.race([
          died.promise.then(() => 'died'),
          calm.then(() => 'survived'),
        ]);
        if (end === 'survived') survived = fatal;
        await b.operator.stop();
        b.operator = await b.start(api.client);
        const cluster = await calm;
        assert.equal(cluster.status?.voters, 3);
        assert.equal(Object.keys(await endpoints(b)).length, 3);
        assert.deepEqual(
          b.pods.started.toSorted(),
          ['tools-0', 'tools-1', 'tools-2'],
          'no pod twice',
        );
      });
    }
    assert.ok(survived !== undefined && survived > 10, `${survived} writes`);
  });
});
