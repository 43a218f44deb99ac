/** Ours against the real kube-apiserver: the same requests, reply by reply. Needs KUBEBUILDER_ASSETS. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import { startControlPlane } from '../../../src/devcluster/control-plane/index.ts';
import { findProgram, systemClock, systemRandom } from '../../../src/host/index.ts';
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
  await context.test(verifies('devcluster.impersonation'), async () => {
    for (const [args, says] of AS_SOMEBODY) {
      const [theirs, own] = await Promise.all(
        [plane.kubeconfig, ours.kubeconfig].map((kubeconfig) => kubectl(kubeconfig, args)),
      );
      assert.match(theirs ?? '', says);
      assert.equal(own, theirs);
    }
  });
});

/** What kubectl is asked as somebody else, and what it prints at both servers. */
const AS_SOMEBODY: readonly (readonly [string, RegExp])[] = [
  [
    'auth whoami --as ann --as-uid u-1 --as-group team --as-group others',
    /Username +ann\nUID +u-1\nGroups +\[team others system:authenticated\]/,
  ],
  ['get secrets --as ann', /secrets is forbidden: User "ann" cannot list resource "secrets"/],
  ['get secrets --as ann --as-group system:masters -o name', /^secret/],
  ['auth can-i impersonate users --as system:serviceaccount:default:deputy', /^no\n/],
];

const kubectl = (kubeconfig: string, args: string): Promise<string> =>
  new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], KUBECONFIG: kubeconfig, HOME: '/nonexistent' };
    const program = findProgram('kubectl', [assets]) ?? 'kubectl';
    execFile(program, args.split(' '), { env, timeout: 20_000 }, (_error, out, err) =>
      resolve(out + err),
    );
  });
