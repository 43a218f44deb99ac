/** Ours against the real kube-apiserver: the same requests, reply by reply. Needs KUBEBUILDER_ASSETS. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { startControlPlane } from '../../../src/devcluster/control-plane/index.ts';
import { systemClock, systemRandom } from '../../../src/host/index.ts';
import { silentLogger } from '../../../src/telemetry/index.ts';
import { assets, skip } from '../../control-plane.ts';
import { verifies } from '../../requirements.ts';
import { converse, prepare, type Exchange } from './conversation.ts';
import { connect, startServer } from './fixture.ts';

test(verifies('devcluster.api-real'), { skip }, async (context) => {
  const plane = await startControlPlane({
    assets,
    logger: silentLogger,
    clock: systemClock,
    random: systemRandom,
    controllers: false,
  });
  context.after(() => plane.stop());
  const { authority, admin } = plane.tls;
  const real = connect(plane.url, {
    ca: authority.certificate,
    cert: admin.certificate,
    key: admin.key,
  });
  context.after(() => real.close());
  const ours = await startServer(context);
  await prepare(real);
  await prepare(ours);
  const expected = await converse(real);
  const actual = await converse(ours);
  assert.ok(expected.length > 150);
  // All differences at once: one alone says little about what is behind it.
  const answer = ({ status, body }: Exchange): unknown => ({ status, body });
  const pairs = expected
    .map((exchange, index) => ({ exchange, ours: actual[index] ?? { ...exchange, status: 0 } }))
    .filter(({ exchange, ours: reply }) => !isDeepStrictEqual(answer(reply), answer(exchange)));
  assert.deepEqual(
    pairs.map(({ exchange, ours: reply }) => ({ ...reply, request: exchange.request })),
    pairs.map(({ exchange }) => exchange),
  );
});
