/** 2026-07-28 without a network: the era's decision, the envelope, and headers that repeat the body. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  checkModernMessage,
  checkParamHeaders,
  classifyMessage,
  clientCapabilitiesOf,
  decideEra,
  isRemovedMethod,
  methodTraits,
  paramHeadersOf,
  parseBody,
  type ClassifiedMessage,
  type McpError,
} from '../../src/mcp/index.ts';
import { verifies } from '../requirements.ts';

const VERSION = '2026-07-28';
const envelope = (overrides: object = {}): object => ({
  'io.modelcontextprotocol/protocolVersion': VERSION,
  'io.modelcontextprotocol/clientCapabilities': {},
  ...overrides,
});
const call = (method: string, params: object = {}, meta: object = envelope()): object => ({
  jsonrpc: '2.0',
  id: 1,
  method,
  params: { ...params, _meta: meta },
});
const notification = (method: string, meta?: object): object => ({
  jsonrpc: '2.0',
  method,
  ...(meta === undefined ? {} : { params: { _meta: meta } }),
});

/** `legacy`, `modern <version>` or the code of the refusal. */
function era(body: unknown, header?: string): string | number {
  const parsed = parseBody(JSON.stringify(body ?? []));
  const decision = decideEra(parsed.ok ? parsed.value : undefined, header);
  if (decision.type === 'refused') return decision.error.kind.code;
  return decision.type === 'modern' ? `modern ${decision.version}` : 'legacy';
}

test(verifies('modern.era'), () => {
  const initialize = { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} };
  const plainCall = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  const answer = { jsonrpc: '2.0', id: 1, result: {} };
  const cases: [unknown, string | undefined, string | number][] = [
    [call('tools/list'), undefined, `modern ${VERSION}`],
    [call('tools/list'), '2025-11-25', `modern ${VERSION}`],
    [
      call('x', {}, envelope({ 'io.modelcontextprotocol/protocolVersion': '2099-01-01' })),
      undefined,
      'modern 2099-01-01',
    ],
    [
      call('x', {}, envelope({ 'io.modelcontextprotocol/protocolVersion': '2025-11-25' })),
      undefined,
      'modern 2025-11-25',
    ],
    [call('x', {}, envelope({ 'io.modelcontextprotocol/protocolVersion': 7 })), undefined, -32602],
    [plainCall, undefined, 'legacy'],
    [plainCall, '2025-11-25', 'legacy'],
    [plainCall, VERSION, -32602],
    [call('x', {}, {}), VERSION, -32602],
    [initialize, undefined, 'legacy'],
    [initialize, '2025-11-25', 'legacy'],
    [initialize, VERSION, -32020],
    [call('initialize'), VERSION, `modern ${VERSION}`],
    [answer, VERSION, 'legacy'],
    [[plainCall], VERSION, 'legacy'],
    [[plainCall, call('tools/list')], undefined, -32600],
    [[answer, notification('x', envelope())], undefined, -32600],
    [notification('notifications/initialized'), undefined, 'legacy'],
    [notification('notifications/cancelled'), VERSION, `modern ${VERSION}`],
    [notification('notifications/cancelled', envelope()), undefined, `modern ${VERSION}`],
    [undefined, VERSION, `modern ${VERSION}`],
    [undefined, '2025-06-18', 'legacy'],
    [undefined, 'draft', 'legacy'],
    [undefined, undefined, 'legacy'],
  ];
  for (const [body, header, expected] of cases)
    assert.equal(era(body, header), expected, `${JSON.stringify(body)} ${header}`);
});

function message(value: object): ClassifiedMessage {
  const classified = classifyMessage(value);
  assert.ok(classified.ok);
  return classified.value;
}
const code = (error: McpError | undefined): number | undefined => error?.kind.code;
const base64 = (text: string): string => `=?base64?${Buffer.from(text).toString('base64')}?=`;
const standard = (method: string, name?: string): Record<string, string> => ({
  'mcp-protocol-version': VERSION,
  'mcp-method': method,
  ...(name === undefined ? {} : { 'mcp-name': name }),
});

test(verifies('modern.headers'), () => {
  const echo = call('tools/call', { name: 'echo' });
  const task = call('tasks/get', { taskId: 'ä' });
  const unknown = call('x', {}, envelope({ 'io.modelcontextprotocol/protocolVersion': 'v999' }));
  const cases: [object, Record<string, string | string[]>, number | undefined][] = [
    [echo, standard('tools/call', 'echo'), undefined],
    [echo, standard('tools/call', ' \techo '), undefined],
    [echo, standard('tools/call', base64('echo')), undefined],
    [echo, standard('tools/call', 'Echo'), -32020],
    [echo, standard('tools/call', '=?base64?!!?='), -32020],
    [echo, standard('tools/call', '=?base64?/w==?='), -32020],
    [echo, standard('tools/call'), -32020],
    [echo, standard('tools/list', 'echo'), -32020],
    [
      echo,
      { ...standard('tools/call', 'echo'), 'mcp-method': ['tools/call', 'tools/call'] },
      -32020,
    ],
    [echo, { ...standard('tools/call', 'echo'), 'mcp-protocol-version': '2025-11-25' }, -32020],
    [echo, { 'mcp-method': 'tools/call', 'mcp-name': 'echo' }, -32020],
    [echo, { 'mcp-protocol-version': VERSION, 'mcp-name': 'echo' }, -32020],
    [task, standard('tasks/get', base64('ä')), undefined],
    [task, standard('tasks/get', base64('b')), -32020],
    [call('resources/read', { uri: 'x:y' }), standard('resources/read', 'x:z'), -32020],
    [call('prompts/get', { name: 'p' }), standard('prompts/get'), -32020],
    // What has no name has no Mcp-Name, and a parameter that is not text is the server's to refuse.
    [call('tools/list'), standard('tools/list'), undefined],
    [call('tools/call', { name: 7 }), standard('tools/call'), undefined],
    [
      call('x', {}, envelope({ 'io.modelcontextprotocol/clientCapabilities': undefined })),
      standard('x'),
      -32602,
    ],
    [
      call('x', {}, envelope({ 'io.modelcontextprotocol/clientCapabilities': [] })),
      standard('x'),
      -32602,
    ],
    // A version that nobody knows may want other headers, but may not contradict itself.
    [unknown, {}, undefined],
    [unknown, standard('x'), -32020],
    [notification('notifications/cancelled', envelope()), {}, undefined],
    [notification('notifications/cancelled', envelope()), standard('other'), -32020],
    [{ jsonrpc: '2.0', id: 1, result: {} }, {}, undefined],
  ];
  for (const [value, headers, expected] of cases)
    assert.equal(
      code(checkModernMessage(message(value), headers)),
      expected,
      JSON.stringify([value, headers]),
    );
});

test('any text survives the way through a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      const value = message(call('tools/call', { name: text }));
      assert.equal(checkModernMessage(value, standard('tools/call', base64(text))), undefined);
    }),
  );
});

test('arguments that a schema wants in headers', () => {
  const schema = {
    type: 'object',
    properties: {
      region: { type: 'string', 'x-mcp-header': 'Region' },
      count: { type: 'integer', 'x-mcp-header': 'Count' },
      dry: { type: 'boolean', 'x-mcp-header': 'Dry-Run' },
      deep: { type: 'object', properties: { id: { type: 'string', 'x-mcp-header': 'Id' } } },
      bad: { type: 'object', 'x-mcp-header': 'Bad' },
      spaced: { type: 'string', 'x-mcp-header': 'not a token' },
      list: { type: 'array', items: { type: 'string', 'x-mcp-header': 'Items' } },
    },
  };
  const declared = paramHeadersOf(schema);
  assert.deepEqual(declared.map(({ header }) => header).toSorted(), [
    'mcp-param-count',
    'mcp-param-dry-run',
    'mcp-param-id',
    'mcp-param-region',
  ]);
  assert.deepEqual(paramHeadersOf(undefined), []);
  const cases: [object | undefined, Record<string, string | string[]>, number | undefined][] = [
    [{ region: 'eu', count: 42 }, { 'mcp-param-region': 'eu', 'mcp-param-count': '42' }, undefined],
    [{ count: 42 }, { 'mcp-param-count': '042.0' }, undefined],
    [{ count: 42 }, { 'mcp-param-count': '4.2e1' }, -32020],
    [{ count: 42 }, { 'mcp-param-count': '0x2a' }, -32020],
    [{ count: 42 }, { 'mcp-param-count': '43' }, -32020],
    [{ dry: true }, { 'mcp-param-dry-run': 'true' }, undefined],
    [{ dry: true }, { 'mcp-param-dry-run': 'True' }, -32020],
    [{ region: 'eu' }, { 'mcp-param-region': 'EU' }, -32020],
    [{ region: 'eu' }, {}, -32020],
    [{ region: 'eu' }, { 'mcp-param-region': ['eu', 'eu'] }, -32020],
    [{ region: 'ü' }, { 'mcp-param-region': base64('ü') }, undefined],
    [{ region: 'ü' }, { 'mcp-param-region': '=?base64?%%?=' }, -32020],
    [{ deep: { id: 'x' } }, { 'mcp-param-id': 'x' }, undefined],
    [{ deep: { id: 'x' } }, {}, -32020],
    [{ region: null, deep: 3 }, {}, undefined],
    [{ region: ['eu'] }, {}, undefined],
    [undefined, { 'mcp-param-other': 'kept' }, undefined],
  ];
  for (const [args, headers, expected] of cases)
    assert.equal(
      code(checkParamHeaders(declared, args as never, headers)),
      expected,
      JSON.stringify([args, headers]),
    );
});

test('what the client declares, what is gone, and what may be repeated', () => {
  const declared = { extensions: { 'io.modelcontextprotocol/tasks': {} } };
  const meta = envelope({ 'io.modelcontextprotocol/clientCapabilities': declared });
  assert.deepEqual(clientCapabilitiesOf(message(call('x', {}, meta))), declared);
  assert.deepEqual(clientCapabilitiesOf(message(call('x', {}, {}))), {});
  assert.equal(isRemovedMethod('ping'), true);
  assert.equal(isRemovedMethod('tools/list'), false);
  assert.equal(methodTraits('server/discover').idempotent, true);
  assert.equal(methodTraits('tasks/update').idempotent, false);
});
