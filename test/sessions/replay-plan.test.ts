/** How a session is rebuilt, when that must be refused, and the ids of the server's requests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkReplayedInitialize,
  createServerRequestIds,
  lostCapabilities,
  planReplay,
} from '../../src/sessions/index.ts';
import { verifies } from '../requirements.ts';
import { sampleRecord } from './memory-store.ts';

test('initialize, initialized, log level, each subscription, then news for the client', () => {
  const plan = planReplay(sampleRecord({ logLevel: 'error', subscriptions: ['a', 'b'] }));
  assert.deepEqual(
    plan.steps.map((step) => [step.type, step.message.method, step.message.params]),
    [
      ['initialize', 'initialize', sampleRecord().initialize],
      ['notify', 'notifications/initialized', undefined],
      ['restore', 'logging/setLevel', { level: 'error' }],
      ['restore', 'resources/subscribe', { uri: 'a' }],
      ['restore', 'resources/subscribe', { uri: 'b' }],
    ],
  );
  assert.deepEqual(
    plan.notifyClient.map(({ method, params }) => [method, params]),
    [
      ['notifications/resources/updated', { uri: 'a' }],
      ['notifications/resources/updated', { uri: 'b' }],
    ],
  );
});

test('a session that was never initialized is not initialized for the client', () => {
  const plan = planReplay(sampleRecord({ initialized: false, logLevel: 'error' }));
  assert.deepEqual(
    plan.steps.map((step) => step.message.method),
    ['initialize'],
  );
});

test(verifies('sessions.no-shrink'), () => {
  const record = sampleRecord();
  const same = { protocolVersion: '2025-11-25', capabilities: record.serverCapabilities };
  assert.equal(checkReplayedInitialize(record, same), undefined);
  const more = { ...record.serverCapabilities, prompts: {} };
  assert.equal(checkReplayedInitialize(record, { ...same, capabilities: more }), undefined);
  assert.match(
    checkReplayedInitialize(record, { ...same, protocolVersion: '2025-06-18' }) ?? '',
    /protocol version/,
  );
  assert.match(
    checkReplayedInitialize(record, {
      ...same,
      capabilities: { tools: { listChanged: true }, resources: { subscribe: false } },
    }) ?? '',
    /resources\.subscribe/,
  );
  assert.match(checkReplayedInitialize(record, { protocolVersion: '2025-11-25' }) ?? '', /tools/);
});

test('capabilities: a flag that was false and a detail that changed are no loss', () => {
  assert.deepEqual(lostCapabilities({ a: { x: false, y: 'one' } }, { a: { y: 'two' } }), []);
  assert.deepEqual(lostCapabilities({ a: { x: true }, b: {} }, { a: {} }), ['a.x', 'b']);
});

test("ids of the server's requests: distinct per epoch, settled once, oldest forgotten", () => {
  const ids = createServerRequestIds(4, 2);
  const first = ids.issue(0);
  assert.equal(first, '4:0');
  assert.equal(ids.clientIdOf(0), first);
  assert.equal(ids.peek(first), 0);
  assert.equal(ids.settle(first), 0);
  assert.equal(ids.settle(first), undefined);
  assert.equal(ids.clientIdOf(0), undefined);
  const [a, b, c] = ['x', 'y', 'z'].map((id) => ids.issue(id));
  assert.equal(ids.open, 2);
  assert.equal(ids.settle(a ?? ''), undefined);
  assert.equal(ids.settle(b ?? ''), 'y');
  assert.equal(ids.settle(c ?? ''), 'z');
  assert.notEqual(createServerRequestIds(5, 2).issue(0), first);
});
