/** The decisions of the gateway without a network: routing, repeating, id translation, the reader's queue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseRoute, type RouteInput } from '../../src/gateway/core/route.ts';
import { createEventQueue } from '../../src/gateway/event-queue.ts';
import { toBackend, toClient } from '../../src/gateway/owner/translate.ts';
import { isRepeatable } from '../../src/gateway/repeat.ts';
import { saysSessionLost } from '../../src/gateway/upstream.ts';
import { parseBody, type ClassifiedMessage, type ParsedBody } from '../../src/mcp/index.ts';
import { createServerRequestIds } from '../../src/sessions/index.ts';

const self = { node: 'b', instance: 'x' };
/** Pods a, b and c are ready but for those to be avoided; the balancer would choose c. */
const route = (overrides: Partial<RouteInput> = {}, avoid: string[] = []): unknown =>
  chooseRoute({
    record: { owner: { node: 'a', instance: 'x' }, epoch: 3 },
    self,
    ownerState: 'alive',
    isReady: (node) => !avoid.includes(node),
    place: () => ['c', 'a', 'b'].find((node) => !avoid.includes(node)),
    ...overrides,
  });

test('a session stays with its owner while that may be alive', () => {
  assert.deepEqual(route(), { type: 'serve', node: 'a' });
  assert.deepEqual(route({ ownerState: 'unsure' }), { type: 'serve', node: 'a' });
});

test('a session whose owner is gone goes to its restarted pod first, else where the balancer says', () => {
  assert.deepEqual(route({ ownerState: 'gone' }), {
    type: 'serve',
    node: 'a',
    claim: 'owner-gone',
  });
  assert.deepEqual(route({ ownerState: 'gone' }, ['a']), {
    type: 'serve',
    node: 'c',
    claim: 'owner-gone',
  });
  assert.deepEqual(route({ ownerState: 'gone' }, ['a', 'b', 'c']), { type: 'wait' });
});

test('a release counts for the epoch it was said of', () => {
  const released = { epoch: 3, reason: 'owner-draining' } as const;
  assert.deepEqual(route({ released }, ['a']), {
    type: 'serve',
    node: 'c',
    claim: 'owner-draining',
  });
  assert.deepEqual(route({ released: { ...released, epoch: 2 } }), { type: 'serve', node: 'a' });
});

const body = (value: object): ParsedBody => {
  const parsed = parseBody(JSON.stringify(value));
  if (!parsed.ok) throw new Error(parsed.error.kind.sentence);
  return parsed.value;
};
const request = (method: string, params: object = {}): object => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params,
});

test('what may be repeated', () => {
  const cases: [object, boolean][] = [
    [request('tools/list'), true],
    [request('tools/call', { name: 'safe' }), true],
    [request('tools/call', { name: 'other' }), false],
    [request('tools/call'), false],
    [request('custom/method'), false],
    [{ jsonrpc: '2.0', method: 'notifications/initialized' }, true],
    [[request('ping'), request('tools/call', { name: 'other' })], false],
  ];
  for (const [value, expected] of cases)
    assert.equal(isRepeatable(body(value), ['safe']), expected, JSON.stringify(value));
});

const only = (value: object): ClassifiedMessage => {
  const [first] = body(value).messages;
  if (first === undefined) throw new Error('no message');
  return first;
};
const call = (value: object): ClassifiedMessage & { kind: 'request' | 'notification' } => {
  const item = only(value);
  if (item.kind === 'response') throw new Error('a response');
  return item;
};

test("ids of the server's requests, their progress and their cancellation are translated", () => {
  const ids = createServerRequestIds(2, 10);
  const asked = request('sampling/createMessage', { _meta: { progressToken: 1 } });
  assert.deepEqual(toClient(call(asked), ids), {
    ...asked,
    id: '2:0',
    params: { _meta: { progressToken: '2:0' } },
  });
  const progress = (progressToken: unknown): object => ({
    jsonrpc: '2.0',
    method: 'notifications/progress',
    params: { progressToken, progress: 1 },
  });
  assert.deepEqual(toBackend(only(progress('2:0')), ids), progress(1));
  assert.deepEqual(toBackend(only(progress('mine')), ids), progress('mine'));
  assert.equal(toBackend(only(progress('1:0')), ids), undefined);
  const cancel = (requestId: unknown): object => ({
    jsonrpc: '2.0',
    method: 'notifications/cancelled',
    params: { requestId },
  });
  assert.deepEqual(toClient(call(cancel(1)), ids), cancel('2:0'));
  assert.deepEqual(toClient(call(cancel(8)), ids), cancel(8));
  const answer = (id: unknown): object => ({ jsonrpc: '2.0', id, result: {} });
  assert.deepEqual(toBackend(only(answer('2:0')), ids), answer(1));
  assert.equal(toBackend(only(answer('2:0')), ids), undefined);
  assert.equal(toBackend(only(answer(0)), ids), undefined);
});

test('how servers say that they lost a session', () => {
  const said = (message: string): string => JSON.stringify({ error: { code: -32000, message } });
  assert.equal(saysSessionLost(404, ''), true);
  assert.equal(saysSessionLost(400, said('Bad Request: No valid session ID provided')), true);
  assert.equal(saysSessionLost(400, said('Bad Request: Server not initialized')), true);
  assert.equal(saysSessionLost(400, said('Invalid params')), false);
  assert.equal(saysSessionLost(400, 'unknown session'), true);
  assert.equal(saysSessionLost(200, said('Session not found')), false);
});

test('a lagging reader holds the writer; leaving, failing and ending release it', async () => {
  const event = { id: '1', data: 'x' };
  const gone = new AbortController();
  let closed = 0;
  const queue = createEventQueue(2, gone.signal, () => (closed += 1));
  queue.push(event);
  await queue.room();
  queue.push(event);
  let room = false;
  const waiting = queue.room().then(() => (room = true));
  await Promise.resolve();
  assert.equal(room, false);
  const reader = queue.events[Symbol.asyncIterator]();
  assert.deepEqual((await reader.next()).value, event);
  await waiting;
  queue.push(event);
  queue.push(event);
  const stuck = queue.room();
  gone.abort();
  await stuck;
  assert.equal((await reader.next()).done, true);
  assert.equal(closed, 1);
});

test('a queue gives what it has before it fails', async () => {
  const queue = createEventQueue(9, new AbortController().signal, () => undefined);
  queue.push({ id: '1', data: 'x' });
  queue.fail(new Error('gone'));
  queue.push({ id: '2', data: 'late' });
  const reader = queue.events[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value?.id, '1');
  await assert.rejects(reader.next(), /gone/);
});
