/** Parts of the stateless era without a network: ids of repeated requests, filters of subscriptions, merged news. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { systemRandom } from '../../src/host/index.ts';
import type { Reply } from '../../src/gateway/exchange.ts';
import { createCoalescer } from '../../src/gateway/modern/coalesce.ts';
import {
  everythingChanged,
  isEmpty,
  newsKey,
  unionOf,
} from '../../src/gateway/modern/listen-filter.ts';
import { mapReply, withNewId } from '../../src/gateway/modern/map-id.ts';
import { required } from '../../src/std/index.ts';
import { createVirtualClock } from '../virtual-clock.ts';

const request = (id: string | number): ReturnType<typeof withNewId> =>
  withNewId(JSON.stringify({ jsonrpc: '2.0', id, method: 'x', params: { id } }), systemRandom);

test('a repeated request has an id of its own, and nothing else of it changes', () => {
  const mapped = required(request(7), 'an id');
  const { id, ...rest } = JSON.parse(mapped.body) as { id: unknown };
  assert.notEqual(id, 7);
  assert.deepEqual(rest, { jsonrpc: '2.0', method: 'x', params: { id: 7 } });
  assert.notEqual(request(7)?.upstream, mapped.upstream);
  const notification = '{"jsonrpc":"2.0","method":"notifications/cancelled"}';
  assert.equal(withNewId(notification, systemRandom), undefined);
});

test("the client sees its own id, wherever an answer's bytes are cut", async () => {
  const bytesOf = async (reply: Reply): Promise<string> => {
    assert.equal(reply.type, 'body');
    const chunks: Uint8Array[] = [];
    for await (const chunk of reply.type === 'body' ? reply.chunks : []) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.string({ unit: 'grapheme', maxLength: 20 }), fc.maxSafeInteger()),
      fc.string({ unit: 'grapheme' }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      async (id, content, sizes) => {
        const mapped = required(request(id), 'an id');
        const answer = (own: string): string =>
          `{"jsonrpc":"2.0","id":${own},"result":{"a":${JSON.stringify(content)},"again":${own}}}`;
        const bytes = Buffer.from(answer(mapped.upstream));
        async function* chunks(): AsyncGenerator<Uint8Array> {
          let at = 0;
          for (let index = 0; at < bytes.length; index++) {
            const size = sizes[index % sizes.length] ?? 1;
            yield bytes.subarray(at, at + size);
            at += size;
          }
        }
        const reply: Reply = { type: 'body', status: 200, headers: {}, chunks: chunks() };
        assert.equal(await bytesOf(mapReply(reply, mapped)), answer(mapped.client));
      },
    ),
  );
});

test('what the pods honour together', () => {
  assert.deepEqual(unionOf([]), {});
  assert.deepEqual(
    unionOf([
      { toolsListChanged: true, resourceSubscriptions: ['a', 'b'] },
      { toolsListChanged: false, promptsListChanged: true, resourceSubscriptions: ['b', 'c'] },
      { taskIds: ['t'], vendor: 1 },
    ]),
    {
      toolsListChanged: true,
      promptsListChanged: true,
      resourceSubscriptions: ['a', 'b', 'c'],
      taskIds: ['t'],
      vendor: 1,
    },
  );
  assert.equal(isEmpty({}), true);
  assert.equal(isEmpty({ toolsListChanged: false, taskIds: [] }), true);
  assert.equal(isEmpty({ taskIds: ['t'] }), false);
  assert.equal(isEmpty({ toolsListChanged: true }), false);
});

test('which news are the same, and what may have changed after a gap', () => {
  const updated = 'notifications/resources/updated';
  assert.equal(newsKey('notifications/tasks', { taskId: 'a' }), undefined);
  assert.equal(
    newsKey('notifications/tools/list_changed', {}),
    newsKey('notifications/tools/list_changed', { _meta: {} }),
  );
  assert.notEqual(newsKey(updated, { uri: 'a' }), newsKey(updated, { uri: 'b' }));
  const honoured = {
    toolsListChanged: true,
    promptsListChanged: false,
    resourceSubscriptions: ['a', 'b'],
    taskIds: ['t'],
  };
  const news = everythingChanged('mine', honoured);
  const _meta = { 'io.modelcontextprotocol/subscriptionId': 'mine' };
  assert.deepEqual(
    news.map(({ method, params }) => [method, params]),
    [
      ['notifications/tools/list_changed', { _meta }],
      [updated, { uri: 'a', _meta }],
      [updated, { uri: 'b', _meta }],
    ],
  );
});

test('merged news: the first at once, the last of a window at its end, nothing after the stop', async () => {
  const clock = createVirtualClock();
  const told: string[] = [];
  const coalescer = createCoalescer(clock, (data) => told.push(data));
  coalescer.tell('a', 'a1');
  coalescer.tell('a', 'a2');
  coalescer.tell('a', 'a3');
  coalescer.tell('b', 'b1');
  assert.deepEqual(told, ['a1', 'b1']);
  await clock.advance(99);
  assert.deepEqual(told, ['a1', 'b1']);
  await clock.advance(1);
  assert.deepEqual(told, ['a1', 'b1', 'a3']);
  // What was told at the end begins a window of its own; a quiet one ends it.
  coalescer.tell('a', 'a4');
  coalescer.tell('b', 'b2');
  assert.deepEqual(told, ['a1', 'b1', 'a3', 'b2']);
  await clock.advance(100);
  assert.deepEqual(told, ['a1', 'b1', 'a3', 'b2', 'a4']);
  coalescer.tell('a', 'late');
  coalescer.stop();
  await clock.advance(1_000);
  assert.deepEqual(told, ['a1', 'b1', 'a3', 'b2', 'a4']);
});
