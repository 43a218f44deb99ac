/** Copies of other owners' events: what is kept, what goes, and what a resuming client gets of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  chooseHolders,
  createEventLog,
  createHeldEvents,
  formatEventId,
  heldAfter,
  heldRequest,
  heldUnread,
  mergeHeld,
  parseEventId,
  type EventId,
  type HeldEpoch,
  type OutgoingEvent,
} from '../../src/sessions/index.ts';
import { required } from '../../src/std/index.ts';
import { verifies } from '../requirements.ts';

const LIMITS = { eventsMax: 4, bytesMax: 100 };
const held = (bytesMax = 1000): ReturnType<typeof createHeldEvents> =>
  createHeldEvents({ limits: () => LIMITS, bytesMax });
const event = (epoch: number, stream: number, sequence: number, data = 'x'): OutgoingEvent => ({
  id: formatEventId({ epoch, stream, sequence, final: false, requestIds: [] }),
  data,
});
const epochOf = (epoch: number, ...events: readonly OutgoingEvent[]): HeldEpoch => ({
  epoch,
  delivered: 0,
  events,
});
const idOf = (one: OutgoingEvent): EventId => required(parseEventId(one.id), 'our own id');
const data = (events: readonly OutgoingEvent[]): string[] => events.map((each) => each.data);

test(verifies('sessions.copies'), () => {
  // Whatever the cuts and the repetitions, the copy ends up with what the log still keeps.
  const step = fc.oneof(
    fc.record({ type: fc.constant('append' as const), stream: fc.nat(2), size: fc.nat(60) }),
    fc.record({ type: fc.constant('copy' as const), room: fc.nat(80), acked: fc.boolean() }),
  );
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const log = createEventLog(3, LIMITS);
      log.open([1]);
      log.open([2]);
      const copy = held();
      let position = 0;
      const send = (room: number, acked: boolean): void => {
        const slice = log.since(position, room);
        copy.put('s', { epoch: 3, ...slice });
        if (acked) position = slice.position;
      };
      for (const each of steps) {
        if (each.type === 'append') log.append(each.stream, 'y'.repeat(each.size));
        else send(each.room, each.acked);
      }
      for (let round = 0; round <= LIMITS.eventsMax; round++) send(100, true);
      const kept = log.since(0, Infinity).events;
      const copied = copy.of('s').flatMap(({ events }) => events);
      assert.ok(copied.length <= LIMITS.eventsMax);
      assert.deepEqual(copied.slice(-kept.length), kept.length === 0 ? [] : kept);
    }),
  );
});

test('the log tells its news, in slices, with what was read of the standalone stream', () => {
  let news = 0;
  const log = createEventLog(1, { eventsMax: 10, bytesMax: 1000 }, () => (news += 1));
  for (const text of ['aa', 'bb', 'cc']) log.append(0, text);
  assert.equal(news, 3);
  const first = log.since(0, 4);
  assert.deepEqual(data(first.events), ['aa', 'bb']);
  assert.deepEqual(data(log.since(first.position, 1).events), ['cc'], 'one event in any case');
  assert.equal(first.delivered, 0);
  log.attach(0, { push: () => undefined, end: () => undefined, fail: () => undefined });
  assert.equal(log.since(0, 4).delivered, 3);
  assert.deepEqual(log.since(3, 100), { events: [], position: 3, delivered: 3 });
});

test('limits: events and bytes of a session, bytes of all, epochs of one that moves on and on', () => {
  const store = held(250);
  store.put('a', epochOf(1, ...[1, 2, 3, 4, 5].map((n) => event(1, 0, n, String(n)))));
  assert.deepEqual(data(store.of('a')[0]?.events ?? []), ['2', '3', '4', '5']);
  store.put('a', epochOf(2, event(2, 0, 1, 'z'.repeat(200))));
  assert.equal(store.bytes, 204);
  store.put('b', epochOf(1, event(1, 0, 1, 'z'.repeat(100))));
  assert.deepEqual([store.size, store.of('a').length, store.bytes], [1, 0, 100]);
  for (let epoch = 2; epoch < 9; epoch++) store.put('b', epochOf(epoch, event(epoch, 0, 1)));
  assert.deepEqual(
    store.of('b').map(({ epoch }) => epoch),
    [5, 6, 7, 8],
  );
  store.prune((id) => id !== 'b');
  assert.deepEqual([store.size, store.bytes], [0, 0]);
});

test('a POST stream ends with its epoch, the standalone one goes on through later epochs', () => {
  const answers = [
    [epochOf(1, event(1, 0, 1, 'a'), event(1, 1, 1, 'p'), event(1, 1, 2, 'q'))],
    [epochOf(1, event(1, 0, 1, 'a'), event(1, 0, 2, 'b')), epochOf(2, event(2, 0, 1, 'c'))],
    [],
  ];
  const merged = mergeHeld(answers);
  assert.deepEqual(data(heldAfter(merged, idOf(event(1, 0, 1)))), ['b', 'c']);
  assert.deepEqual(data(heldAfter(merged, idOf(event(1, 1, 1)))), ['q']);
  assert.deepEqual(data(heldAfter(merged, idOf(event(2, 0, 1)))), []);
  assert.deepEqual(
    data(
      heldUnread([{ ...epochOf(1), delivered: 1, events: [event(1, 0, 1), event(1, 0, 2, 'b')] }]),
    ),
    ['b'],
  );
});

test('holders: evenly chosen, and only the sessions of a node that went find new ones', () => {
  const nodes = ['a-0', 'a-1', 'a-2', 'a-3'];
  const ids = Array.from({ length: 4000 }, (_, index) => `session-${index}`);
  const counts = new Map<string, number>();
  for (const id of ids) {
    const [holder, ...none] = chooseHolders(id, nodes, 1);
    assert.deepEqual(none, []);
    counts.set(holder ?? '', (counts.get(holder ?? '') ?? 0) + 1);
    const without = chooseHolders(id, nodes.slice(1), 1)[0];
    assert.equal(
      without,
      chooseHolders(id, nodes, 2).find((node) => node !== 'a-0'),
    );
  }
  for (const node of nodes) assert.ok(Math.abs((counts.get(node) ?? 0) - 1000) < 120, node);
  assert.deepEqual(chooseHolders('x', nodes, 0), []);
  assert.equal(chooseHolders('x', nodes, 9).length, 4);
});

test('a request is kept beside its stream until it is answered', () => {
  const log = createEventLog(1, LIMITS);
  const stream = log.open([1], 'the request');
  const other = log.open([2], 'another');
  log.append(stream, 'a');
  const copy = held();
  copy.put('s', { epoch: 1, ...log.since(0, 100) });
  const from = { epoch: 1, stream, sequence: 0, final: false, requestIds: [1] };
  assert.equal(heldRequest(copy.of('s'), from), 'the request');
  assert.deepEqual(data(heldAfter(copy.of('s'), from)), ['a'], 'it is no event of the stream');
  log.append(stream, 'b', true);
  assert.deepEqual(data(log.since(0, 100).events), ['another', 'a', 'b']);
  assert.equal(log.bytes, 9);
  assert.equal(heldRequest(copy.of('s'), { ...from, stream: other }), 'another');
  assert.equal(heldRequest([], from), undefined);
});
