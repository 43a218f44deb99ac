/** SSE framing: the standard's examples, chunks cut anywhere, any bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  createSseParser,
  serializeSse,
  serializeSseComment,
  SseLimitError,
  type SseItem,
} from '../../src/mcp/index.ts';
import { verifies } from '../requirements.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (...chunks: string[]): SseItem[] => {
  const parser = createSseParser(10_000);
  return chunks.flatMap((chunk) => parser.push(bytes(chunk)));
};
const event = (data: string, rest: { id?: string; event?: string } = {}): SseItem => ({
  type: 'event',
  event: 'message',
  data,
  ...rest,
});

test('fields, comments, several data lines, default event name', () => {
  assert.deepEqual(parse(': hi\nevent: add\ndata: 1\ndata:2\nid: a\nretry: 10\nunknown: x\n\n'), [
    { type: 'comment', text: 'hi' },
    { type: 'retry', retryMs: 10 },
    event('1\n2', { id: 'a', event: 'add' }),
  ]);
});

test('CR, LF and CRLF end lines, also cut between CR and LF', () => {
  const expected = [event('1'), event('2')];
  for (const end of ['\n', '\r', '\r\n']) {
    assert.deepEqual(
      parse(`data: 1${end}${end}data: 2${end}${end}`),
      expected,
      JSON.stringify(end),
    );
    assert.deepEqual(
      parse(...`data: 1${end}${end}data: 2${end}${end}`.split('')),
      expected,
      `${JSON.stringify(end)} one by one`,
    );
  }
});

test('an id alone is a resume point, empty data is an event, an unfinished event is none', () => {
  assert.deepEqual(parse('id: 1\n\n', 'id: 2\ndata:\n\n', 'data: lost'), [
    { type: 'id', id: '1' },
    event('', { id: '2' }),
  ]);
});

test('a byte order mark, a null in an id and a bad retry are ignored', () => {
  assert.deepEqual(parse('\ufeffdata: 1\nid: a\0b\nretry: 1s\n\n'), [event('1')]);
});

test('an event over the limit is refused, finished or not', () => {
  assert.throws(() => createSseParser(10).push(bytes('data: 0123456789')), SseLimitError);
  assert.throws(() => createSseParser(10).push(bytes('data: 01\ndata: 23\n')), SseLimitError);
  const parser = createSseParser(10);
  for (let n = 0; n < 5; n++) assert.equal(parser.push(bytes('data: 1\n\n')).length, 1);
});

test('comments keep no line end of their text', () => {
  assert.equal(serializeSseComment('a\nb'), ': a b\n\n');
});

const frame = fc.record(
  {
    data: fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/\r\n?/g, '\n')),
    id: fc.stringMatching(/^[\w.-]{1,20}$/),
    event: fc.constant('other'),
  },
  { requiredKeys: ['data'] },
);

test(verifies('mcp.sse'), () => {
  fc.assert(
    fc.property(fc.array(frame), fc.array(fc.nat(200)), (frames, cuts) => {
      const all = bytes(frames.map((item) => serializeSse(item)).join(''));
      const parser = createSseParser(1e9);
      const items: SseItem[] = [];
      let from = 0;
      for (const cut of [...cuts, all.length]) {
        items.push(...parser.push(all.subarray(from, from + cut)));
        from += cut;
      }
      assert.deepEqual(
        items,
        frames.map(({ data, id, event: name }) =>
          event(data.toWellFormed(), {
            ...(id === undefined ? {} : { id }),
            event: name ?? 'message',
          }),
        ),
      );
    }),
  );
});

test('any bytes, cut anywhere, never throw and give the same as in one piece', () => {
  const soup = fc.oneof(
    fc.uint8Array({ maxLength: 100 }),
    fc
      .string({
        unit: fc.constantFrom('d', 'ata', ':', ' ', '\r', '\n', 'id', '\0', 'é', '\ufeff'),
      })
      .map(bytes),
  );
  fc.assert(
    fc.property(soup, fc.integer({ min: 1, max: 7 }), (input, size) => {
      const whole = createSseParser(1e9).push(input);
      const parser = createSseParser(1e9);
      const parts: SseItem[] = [];
      for (let from = 0; from < input.length; from += size)
        parts.push(...parser.push(input.subarray(from, from + size)));
      assert.deepEqual(parts, whole);
    }),
    { numRuns: 500 },
  );
});
