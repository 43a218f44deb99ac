/** The key that servers share, from its making through its rotations. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { McpCluster } from '../../../src/api/index.ts';
import {
  nextRequestStateKey,
  readRequestStateKey,
  requestStateSecret,
  statefulSet,
  type RequestStateKey,
} from '../../../src/operator/core/index.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { verifies } from '../../requirements.ts';
import { cluster } from './fixtures.ts';

const HOUR_MS = 3_600_000;

function of(requestStateKey: object, rotate?: string): McpCluster {
  const made = cluster(defaultedSpec({ server: { image: 'x', requestStateKey } }));
  if (rotate === undefined) return made;
  const annotations = { 'mcpcluster.io/rotate-request-state-key': rotate };
  return { ...made, metadata: { ...made.metadata, annotations } };
}
const one = { env: 'KEY', rotationInterval: '24h' };
const two = { ...one, acceptedEnv: 'NEXT_KEY' };
const next = (
  spec: McpCluster,
  current: RequestStateKey | undefined,
  changes: { settledRevision?: number; nowMs?: number; fresh?: string } = {},
): RequestStateKey =>
  nextRequestStateKey(spec, {
    current,
    settledRevision: undefined,
    nowMs: 0,
    fresh: 'fresh',
    ...changes,
  });
const first: RequestStateKey = {
  ...{ phase: 'Stable', revision: 1, madeAtMs: 0, requested: '' },
  ...{ key: 'first', accepted: '' },
};

void suite(verifies('operator.request-state-key'), () => {
  test('one is made, and kept until it is old or another is asked for', () => {
    assert.deepEqual(next(of(one), undefined, { fresh: 'first' }), first);
    assert.equal(next(of(one), first, { nowMs: 24 * HOUR_MS - 1 }), first);
    assert.equal(next(of({ env: 'KEY' }), first, { nowMs: 10_000 * HOUR_MS }), first);
    const old = next(of(one), first, { nowMs: 24 * HOUR_MS });
    const { key, revision, madeAtMs } = old;
    assert.deepEqual(
      { key, revision, madeAtMs },
      { key: 'fresh', revision: 2, madeAtMs: 24 * HOUR_MS },
    );
    const asked = next(of(one, 'now'), first);
    assert.deepEqual([asked.key, asked.requested], ['fresh', 'now']);
    assert.equal(next(of(one, 'now'), asked), asked, 'asked for once, made once');
  });

  test('with two keys every pod accepts the next one before any signs with it', () => {
    const announced = next(of(two, 'now'), first);
    assert.deepEqual(
      [announced.phase, announced.key, announced.accepted, announced.revision],
      ['Announced', 'first', 'fresh', 2],
    );
    assert.equal(next(of(two, 'now'), announced), announced, 'pods have not followed yet');
    assert.equal(next(of(two, 'now'), announced, { settledRevision: 1 }), announced);
    assert.equal(next(of(two, 'again'), announced), announced, 'one rotation at a time');
    const signed = next(of(two, 'now'), announced, { settledRevision: 2, nowMs: 5 });
    assert.deepEqual(
      [signed.phase, signed.key, signed.accepted, signed.revision, signed.madeAtMs],
      ['Stable', 'fresh', 'first', 3, 5],
    );
    assert.equal(next(of(two, 'now'), signed, { settledRevision: 2 }), signed);
  });

  test('the Secret gives back what was put in, and nothing when somebody changed it', () => {
    for (const state of [first, next(of(two, 'now'), first)]) {
      assert.deepEqual(readRequestStateKey(requestStateSecret(of(two), state)), state);
    }
    const secret = requestStateSecret(of(two), first);
    assert.equal(readRequestStateKey({ ...secret, data: {} }), undefined);
    const metadata = { ...secret.metadata, annotations: {} };
    assert.equal(readRequestStateKey({ ...secret, metadata }), undefined);
    const announced = requestStateSecret(of(two), { ...first, phase: 'Announced' });
    assert.equal(readRequestStateKey(announced), undefined, 'announced, but not there');
  });

  test('the server, and only it, has the keys as variables; another revision is another pod', () => {
    const size = { replicas: 3, voters: 3 };
    const template = (spec: McpCluster, keyRevision?: number) =>
      JSON.parse(JSON.stringify(statefulSet(spec, { sidecarImage: 'x', size, keyRevision }))).spec
        .template;
    const { spec, metadata } = template(of(two), 2);
    const reference = (key: object) => ({
      secretKeyRef: { name: 'tools-request-state', ...key },
    });
    assert.deepEqual(spec.containers[0].env, [
      { name: 'KEY', valueFrom: reference({ key: 'key' }) },
      { name: 'NEXT_KEY', valueFrom: reference({ key: 'accepted', optional: true }) },
    ]);
    assert.doesNotMatch(JSON.stringify(spec.initContainers), /request-state/);
    assert.notDeepEqual(metadata, template(of(two), 3).metadata);
    assert.equal(template(cluster()).spec.containers[0].env.length, 1);
  });
});
