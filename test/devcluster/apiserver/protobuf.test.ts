/** Kubernetes' protobuf encoding: decoding, and what is not a document of it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startServer } from './fixture.ts';

/** A length-delimited field. */
function field(number: number, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content);
  assert.ok(bytes.length < 128);
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
}

const MAGIC = Buffer.from('k8s\0', 'latin1');

function envelope(apiVersion: string, kind: string, raw: Buffer): Buffer {
  const type = Buffer.concat([field(1, apiVersion), field(2, kind)]);
  return Buffer.concat([MAGIC, field(1, type), field(2, raw)]);
}

const PROTOBUF = { contentType: 'application/vnd.kubernetes.protobuf' };
const MAPS = '/api/v1/namespaces/default/configmaps';

test('a ConfigMap in protobuf is stored as the same object in JSON', async (context) => {
  const server = await startServer(context);
  const entry = Buffer.concat([field(1, 'a'), field(2, 'b')]);
  const metadata = Buffer.concat([field(1, 'settings'), field(2, ''), field(8, '')]);
  const raw = Buffer.concat([field(1, metadata), field(2, entry)]);
  const body = envelope('v1', 'ConfigMap', raw);
  const made = await server.call('POST', MAPS, body, PROTOBUF);
  assert.equal(made.status, 201, JSON.stringify(made.body));
  assert.deepEqual(made.body.data, { a: 'b' });
  assert.equal(made.body.metadata.name, 'settings');
});

test('bytes that are no such document are a 400, never a crash', async (context) => {
  const server = await startServer(context);
  const whole = envelope('v1', 'ConfigMap', field(1, field(1, 'x')));
  const cases = [
    Buffer.from('nonsense'),
    whole.subarray(0, whole.length - 2),
    Buffer.concat([MAGIC, Buffer.from([0x0f, 0x01])]),
    Buffer.concat([MAGIC, Buffer.alloc(20, 0xff)]),
    envelope('v1', 'Unheard', Buffer.alloc(0)),
  ];
  for (const bytes of cases) {
    const reply = await server.call('POST', MAPS, bytes, PROTOBUF);
    assert.equal(reply.status, 400, bytes.toString('hex'));
    assert.equal(reply.body.reason, 'BadRequest');
  }
});
