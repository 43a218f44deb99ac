/** Event ids and event buffers: what a resuming client gets. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createEventLog,
  finalEventId,
  formatEventId,
  parseEventId,
  type EventSink,
  type OutgoingEvent,
} from '../../src/sessions/index.ts';
import { verifies } from '../requirements.ts';

interface Recorder extends EventSink {
  readonly events: OutgoingEvent[];
  state: string;
}
function recorder(): Recorder {
  const self: Recorder = {
    events: [],
    state: 'open',
    push: (event) => self.events.push(event),
    end: () => (self.state = 'ended'),
    fail: (reason) => (self.state = reason.message),
  };
  return self;
}
const data = (sink: Recorder): string[] => sink.events.map((event) => event.data);
const LIMITS = { eventsMax: 4, bytesMax: 100 };

test(verifies('sessions.event-id'), () => {
  const id = fc.record(
    {
      epoch: fc.nat(),
      stream: fc.nat(),
      sequence: fc.nat(),
      final: fc.boolean(),
      requestIds: fc.array(fc.oneof(fc.string(), fc.integer())),
    },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(id, (value) => {
      const text = formatEventId(value);
      assert.match(text, /^[\w.-]+$/);
      assert.deepEqual(parseEventId(text), value);
    }),
  );
  fc.assert(fc.property(fc.string(), (text) => void parseEventId(text)));
  for (const text of [
    '',
    '1.2',
    '1.1.1.x',
    '1.1.1.m.!!',
    '1.1.1.m.e30',
    `1.1.1.m.${'A'.repeat(9000)}`,
  ])
    assert.equal(parseEventId(text), undefined, text);
});

test('a made-up last event names the same requests', () => {
  const last = formatEventId({ epoch: 3, stream: 2, sequence: 5, final: false, requestIds: [7] });
  assert.deepEqual(parseEventId(finalEventId(last)), {
    epoch: 3,
    stream: 2,
    sequence: 6,
    final: true,
    requestIds: [7],
  });
  assert.equal(parseEventId(finalEventId('nonsense'))?.final, true);
});

test('a reader gets what comes, and the end after the last event', () => {
  const log = createEventLog(1, LIMITS);
  const stream = log.open([1]);
  const sink = recorder();
  log.attach(stream, sink);
  log.append(stream, 'a');
  log.append(stream, 'b', true);
  log.append(stream, 'after the end');
  assert.deepEqual(data(sink), ['a', 'b']);
  assert.equal(sink.state, 'ended');
  assert.equal(parseEventId(sink.events[1]?.id ?? '')?.final, true);
});

test('a stream resumes after any kept event, also when it is complete', () => {
  const log = createEventLog(1, LIMITS);
  const stream = log.open([1]);
  for (const text of ['a', 'b', 'c']) log.append(stream, text, text === 'c');
  for (const [after, expected] of [
    [0, ['a', 'b', 'c']],
    [2, ['c']],
  ] as const) {
    const sink = recorder();
    assert.equal(log.attach(stream, sink, after).type, 'complete');
    assert.deepEqual(data(sink), expected);
    assert.equal(sink.state, 'ended');
  }
});

test('each message goes to one reader: the newest; it is not sent again to the next', () => {
  const log = createEventLog(1, LIMITS);
  const [first, second, third] = [recorder(), recorder(), recorder()];
  log.attach(0, first);
  log.append(0, 'a');
  const attached = log.attach(0, second);
  log.append(0, 'b');
  if (attached.type === 'attached') attached.detach();
  log.append(0, 'c');
  log.attach(0, third);
  assert.deepEqual([data(first), data(second), data(third)], [['a', 'c'], ['b'], []]);
});

test('messages that nobody received wait for the next reader', () => {
  const log = createEventLog(1, LIMITS);
  log.append(0, 'a');
  const sink = recorder();
  log.attach(0, sink);
  assert.deepEqual(data(sink), ['a']);
});

test('limits: the oldest events go, completed streams with them, the newest event stays', () => {
  const log = createEventLog(1, LIMITS);
  const done = log.open([1]);
  log.append(done, 'x', true);
  for (let n = 0; n < 5; n++) log.append(0, String(n));
  assert.equal(log.size, 4);
  assert.equal(log.attach(done, recorder()).type, 'unknown');
  log.append(0, 'y'.repeat(500));
  assert.equal(log.size, 1);
  assert.equal(log.bytes, 500);
});

test('a paused stream ends its reader and goes on for the next', () => {
  const log = createEventLog(1, LIMITS);
  const stream = log.open([1]);
  const [before, after] = [recorder(), recorder()];
  log.attach(stream, before);
  log.append(stream, 'a');
  log.pause(stream);
  log.append(stream, 'b', true);
  assert.equal(before.state, 'ended');
  log.attach(stream, after, 1);
  assert.deepEqual([data(before), data(after)], [['a'], ['b']]);
});

test('a dropped stream fails its readers and is unknown', () => {
  const log = createEventLog(1, LIMITS);
  const stream = log.open([1]);
  const [one, other] = [recorder(), recorder()];
  log.attach(stream, one);
  log.attach(0, other);
  log.append(stream, 'a');
  log.drop(stream, new Error('lost'));
  assert.equal(one.state, 'lost');
  assert.equal(log.bytes, 0);
  assert.equal(log.attach(stream, recorder()).type, 'unknown');
  log.close(new Error('closed'));
  assert.equal(other.state, 'closed');
});
