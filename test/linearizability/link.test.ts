/** The proxy that makes partitions: what flows in each mode, and that nothing held is lost. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../eventually.ts';
import { Link } from './link.ts';

/** A dialler and what it reached through a link, with everything each has heard. */
async function pairThrough(t: TestContext) {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const link = await Link.create((server.address() as { port: number }).port);
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const dialler = connect(link.port, '127.0.0.1');
  const [target] = await accepted;
  const heard = { dialler: '', target: '' };
  dialler.on('data', (bytes) => (heard.dialler += bytes.toString()));
  target.on('data', (bytes) => (heard.target += bytes.toString()));
  for (const socket of [dialler, target]) socket.on('error', () => undefined);
  t.after(() => {
    link.close();
    server.close();
  });
  return { link, dialler, target, heard };
}

test('a mute link holds what the dialler says and lets answers through', async (t) => {
  const { link, dialler, target, heard } = await pairThrough(t);
  link.set('mute');
  dialler.write('question');
  target.write('answer');
  await eventually('the answer', () => heard.dialler === 'answer');
  assert.equal(heard.target, '');
  link.set('open');
  await eventually('the question', () => heard.target === 'question');
});

test('a held link passes nothing either way until it is open', async (t) => {
  const { link, dialler, target, heard } = await pairThrough(t);
  dialler.write('a');
  await eventually('the first byte', () => heard.target === 'a');
  link.set('hold');
  dialler.write('b');
  target.write('c');
  link.set('mute');
  await eventually('the answer', () => heard.dialler === 'c');
  assert.equal(heard.target, 'a');
  link.set('open');
  await eventually('everything', () => heard.target === 'ab');
});

test('a cut link resets what is connected and refuses what comes', async (t) => {
  const { link, dialler, target } = await pairThrough(t);
  link.set('cut');
  await eventually('both ends to be closed', () => dialler.closed && target.closed);
  const late = connect(link.port, '127.0.0.1');
  late.on('error', () => undefined);
  await eventually('the late one to be closed', () => late.closed);
  link.set('open');
  const again = connect(link.port, '127.0.0.1');
  await once(again, 'connect');
  again.destroy();
});
