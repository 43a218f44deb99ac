/** Sidecars as the processes they are, without Kubernetes: real ports, real disk, real signals. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { UNUSABLE_DATA_EXIT_CODE } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { freePorts } from '../free-ports.ts';
import { agreedLeader, createProcesses, raftPage } from './processes.ts';

const { folder, run } = await createProcesses();
const sidecar = (...flags: string[]) =>
  run('sidecar', '--session-db-path', folder, '--log-level', 'warn', ...flags);

test(verifies('sidecar.standalone.cluster'), async () => {
  const ports = await freePorts(4);
  const ids = ['n1', 'n2', 'n3'];
  const peers = ids.map((id, i) => `${id}@127.0.0.1:${ports[i]}`).join();
  const start = (i: number): ChildProcess =>
    sidecar(
      ...['--node-id', ids[i] as string, '--cluster-port', String(ports[i]), '--peers', peers],
      ...['--advertise-addr', `127.0.0.1:${ports[i]}`],
    );
  const children = ids.map((_, i) => start(i));
  const voters = ports.slice(0, 3);
  const leader = await agreedLeader(voters);
  for (const id of ids) assert.ok((await stat(join(folder, `cluster-${id}`))).isDirectory());

  const dead = ids.indexOf(leader);
  const before = await raftPage(voters[dead] as number);
  children[dead]?.kill('SIGKILL');
  const survivors = voters.filter((_, i) => i !== dead);
  const successor = await agreedLeader(survivors, leader);
  assert.notEqual(successor, leader);
  const afterwards = await raftPage(survivors[0] as number);
  assert.ok(afterwards.term > before.term);

  start(dead);
  await eventually(
    'the restarted member to catch up',
    async () => {
      const status = await raftPage(voters[dead] as number);
      const { commit_index: target } = await raftPage(survivors[0] as number);
      return status.role === 'follower' && status.commit_index >= target;
    },
    30_000,
  );

  const joined = String(ports[3]);
  sidecar(
    ...['--node-id', 'n4', '--cluster-port', joined, '--advertise-addr', `127.0.0.1:${joined}`],
    ...['--join', `127.0.0.1:${survivors[0]}`],
  );
  await eventually(
    'the joined member to follow as a learner',
    async () => {
      const status = await raftPage(Number(joined));
      return status.role === 'learner' && status.leader_id !== null && status.commit_index > 0;
    },
    30_000,
  );
});

test(verifies('sidecar.start.refused'), async (t) => {
  const [port = 0, free = 0] = await freePorts(2);
  const taken = createServer().listen(port, '127.0.0.1');
  await once(taken, 'listening');
  const base = ['--node-id', 'r1'];
  const cases: [string, string[], RegExp][] = [
    [
      'port taken',
      [...base, '--cluster-port', String(port), '--advertise-addr', `127.0.0.1:${port}`],
      new RegExp(`port ${port} .*is taken`),
    ],
    [
      'unwritable data folder',
      [...base, '--cluster-port', String(free), '--session-db-path', '/proc/nothing'],
      /--session-db-path: .* cannot be written .*choose another folder/,
    ],
    [
      'another machine without certificates',
      [...base, '--cluster-port', String(free), '--peers', 'r2@192.0.2.1:7000'],
      /--tls-dir is missing: 192\.0\.2\.1 is another machine/,
    ],
    [
      'nobody to join',
      ['--node-id', 'r3', '--cluster-port', String(free), '--join', `127.0.0.1:${free}`],
      /--join 127\.0\.0\.1:\d+: .*start that member first/,
    ],
  ];
  const policies = join(folder, 'policies.json');
  await writeFile(policies, '{"loadBalancing":{"strategy":"Fastest"}}');
  cases.push([
    'wrong policies',
    [...base, '--cluster-port', String(free), '--policies', policies],
    /--policies \S+: \/loadBalancing\/strategy: .*LeastConnections.*got "Fastest"/,
  ]);
  for (const [name, flags, message] of cases) {
    await t.test(name, async () => {
      const child = sidecar(...flags);
      const [code] = (await once(child, 'exit')) as [number];
      const printed = child.lines.join('');
      assert.equal(code, 2, printed);
      assert.match(printed, message);
      assert.equal(printed.trim().split('\n').length, 1, printed);
    });
  }
  taken.close();
});

test(verifies('sidecar.unusable-data'), async () => {
  const [port = 0] = await freePorts(1);
  const raft = join(folder, 'cluster-u1', 'raft');
  await mkdir(raft, { recursive: true });
  await writeFile(join(raft, 'identity'), 'torn');
  const flags = ['--node-id', 'u1', '--cluster-port', String(port)];
  const child = sidecar(...flags, '--advertise-addr', `127.0.0.1:${port}`);
  const [code] = (await once(child, 'exit')) as [number];
  const printed = child.lines.join('');
  assert.equal(code, UNUSABLE_DATA_EXIT_CODE, printed);
  assert.match(printed, /identity of the data folder is damaged.*under a new id/);
});
