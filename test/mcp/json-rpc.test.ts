/** The strict JSON-RPC parser, the header rules and the error catalogue. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  accepts,
  classifyMessage,
  endToEndHeaders,
  errorBody,
  errorText,
  MCP_ERRORS,
  mcpError,
  mediaType,
  methodLabel,
  methodTraits,
  parseBody,
} from '../../src/mcp/index.ts';
import { verifies } from '../requirements.ts';

const kinds = (text: string): string[] | number => {
  const parsed = parseBody(text);
  return parsed.ok ? parsed.value.messages.map((item) => item.kind) : parsed.error.kind.code;
};

test('requests, notifications and responses are told apart', () => {
  const cases: [string, string[] | number][] = [
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', ['request']],
    ['{"jsonrpc":"2.0","id":"a","method":"x","params":{}}', ['request']],
    ['{"jsonrpc":"2.0","method":"x"}', ['notification']],
    ['{"jsonrpc":"2.0","id":1,"result":{}}', ['response']],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-1,"message":"m"}}', ['response']],
    [
      '[{"jsonrpc":"2.0","method":"x"},{"jsonrpc":"2.0","id":1,"result":{}}]',
      ['notification', 'response'],
    ],
    ['{', -32700],
    ['', -32700],
    ['[]', -32600],
    ['null', -32600],
    ['{"id":1,"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"x"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":""}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"x","params":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"x","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":""}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":7}', -32600],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":"x","message":""}}', -32600],
    ['{"jsonrpc":"2.0","id":1}', -32600],
  ];
  for (const [text, expected] of cases) assert.deepEqual(kinds(text), expected, text);
});

test('limits: batch length, length of names and ids', () => {
  const note = '{"jsonrpc":"2.0","method":"x"}';
  const batch = (length: number): string => `[${Array.from({ length }, () => note).join(',')}]`;
  assert.equal((kinds(batch(100)) as string[]).length, 100);
  assert.equal(kinds(batch(101)), -32600);
  const long = 'x'.repeat(1025);
  assert.equal(kinds(`{"jsonrpc":"2.0","method":"${long}"}`), -32600);
  assert.equal(kinds(`{"jsonrpc":"2.0","id":"${long}","method":"x"}`), -32600);
});

test(verifies('mcp.parser'), () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
      const parsed = parseBody(text);
      if (parsed.ok) assert.ok(parsed.value.messages.length > 0);
      else assert.equal(parsed.error.kind.status, 400);
    }),
  );
  const field = fc.oneof(fc.jsonValue(), fc.constantFrom('2.0', 'ping', 1, {}));
  fc.assert(
    fc.property(
      fc.record(
        { jsonrpc: field, id: field, method: field, params: field, result: field, error: field },
        { requiredKeys: [] },
      ),
      (value) => {
        const message = classifyMessage(value);
        if (message.ok) assert.equal(message.value.message, value);
      },
    ),
  );
});

test('header rules', () => {
  assert.equal(mediaType('Application/JSON; charset=utf-8'), 'application/json');
  assert.equal(accepts('text/event-stream;q=1, application/json', 'application/json'), true);
  assert.equal(accepts('*/*', 'application/json'), false);
  assert.equal(accepts('application/jsonx', 'application/json'), false);
  assert.deepEqual(
    endToEndHeaders(
      { host: 'h', connection: 'close, X-Own', 'x-own': '1', te: 't', a: ['1', '2'], b: '3' },
      new Set(['b']),
    ),
    { host: 'h', a: '1, 2' },
  );
});

test("the gateway's own errors say whether to try again, the protocol's keep their form", () => {
  assert.deepEqual(JSON.parse(errorText(mcpError(MCP_ERRORS.sessionNotFound), 3)), {
    jsonrpc: '2.0',
    error: { code: -32001, message: 'Session not found' },
    id: 3,
  });
  assert.deepEqual(errorBody(mcpError(MCP_ERRORS.interrupted)).data, { retryable: false });
  assert.equal(errorBody(mcpError(MCP_ERRORS.parse, 'why')).message, 'Parse error: why');
  for (const { status } of Object.values(MCP_ERRORS)) assert.notEqual(status, 500);
});

test('the method table: unknown methods are never repeated, labels stay few', () => {
  assert.equal(methodTraits('tools/list').idempotent, true);
  assert.equal(methodTraits('tools/call').idempotent, false);
  assert.equal(methodTraits('toString').idempotent, false);
  assert.equal(methodTraits('resources/subscribe').sessionScoped, true);
  assert.equal(methodLabel('tools/call'), 'tools/call');
  assert.equal(methodLabel('notifications/initialized'), 'notifications/initialized');
  assert.equal(methodLabel('constructor'), 'other');
});
