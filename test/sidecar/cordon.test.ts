/** Members that work and take no sessions: asked to drain, or fenced by the configuration they agreed on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VERSION } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { agreedLeader, createProcesses, fencing, readyPage } from './processes.ts';

const { sidecar, admin } = await createProcesses();
const ports = await freePorts(3);
const ids = ['c1', 'c2', 'c3'];
const portOf = (id: string): number => ports[ids.indexOf(id)] as number;
const peers = ids.map((id) => `${id}@127.0.0.1:${portOf(id)}`).join();
for (const id of ids) sidecar(id, portOf(id), '--peers', peers);

const pageSays = (id: string, text: RegExp) => () =>
  readyPage(portOf(id)).then((page) => text.test(page));

test(verifies('sidecar.drained'), async () => {
  await agreedLeader(ports);
  for (const id of ids) await eventually(`${id} to be ready`, pageSays(id, /^ok/), 30_000);
  await admin(portOf('c2'), (client) => client.drain(true));
  assert.match(await readyPage(portOf('c2')), /draining/);
  const drained = await admin(portOf('c2'), (client) => client.status());
  assert.deepEqual([drained.ready, drained.cordon], [false, 'asked']);
  assert.equal(drained.version, VERSION);
  await eventually('it to know that all hold their leases', async () => {
    const { members } = await admin(portOf('c2'), (client) => client.status());
    return members.length === ids.length && members.every(({ leased }) => leased);
  });
  await admin(portOf('c2'), (client) => client.drain(false));
  assert.match(await readyPage(portOf('c2')), /^ok/);
});

test(verifies('sidecar.fenced'), async () => {
  const leader = await agreedLeader(ports);
  const [other = '', third = ''] = ids.filter((id) => id !== leader);
  await admin(portOf(other), (client) => client.configure(1, fencing(leader, other)));
  assert.equal(await agreedLeader(ports, leader), third, 'the only one that is not fenced leads');
  await eventually('both to say so', async () => {
    const [a, b] = await Promise.all([leader, other].map((id) => readyPage(portOf(id))));
    return a?.includes('fenced') === true && b?.includes('fenced') === true;
  });
  await admin(portOf(other), (client) => client.configure(2, fencing()));
  await eventually('it to be ready again', pageSays(leader, /^ok/));
  assert.equal((await admin(portOf(leader), (client) => client.status())).cordon, '');
});
