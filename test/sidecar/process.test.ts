/** Sidecars as the processes they are, without Kubernetes: real ports, real disk, real signals. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { freePorts } from '../free-ports.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'cli', 'main.ts');
const STARTED: ChildProcess[] = [];
const folder = await mkdtemp(join(tmpdir(), 'sidecar-'));
after(async () => {
  for (const child of STARTED) child.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

interface RaftStatus {
  readonly role: string;
  readonly leader_id: string | null;
  readonly term: number;
  readonly commit_index: number;
  readonly voters: readonly string[];
  readonly learners: readonly string[];
}

function sidecar(...flags: string[]): ChildProcess & { readonly lines: string[] } {
  const lines: string[] = [];
  const child = spawn(
    process.execPath,
    [PROGRAM, 'sidecar', '--session-db-path', folder, '--log-level', 'warn', ...flags],
    { stdio: ['ignore', 'ignore', 'pipe'], env: { ...process.env, XDG_STATE_HOME: folder } },
  );
  child.stderr.setEncoding('utf8').on('data', (text: string) => lines.push(text));
  STARTED.push(child);
  return Object.assign(child, { lines });
}

async function raftStatus(port: number): Promise<RaftStatus> {
  const response = await fetch(`http://127.0.0.1:${port}/raft/status`);
  return (await response.json()) as RaftStatus;
}

/** The one leader that all of these members agree on. */
function agreedLeader(ports: readonly number[], not?: string): Promise<string> {
  return eventually(
    'one leader',
    async () => {
      const leaders = await Promise.all(
        ports.map(async (port) => (await raftStatus(port)).leader_id),
      );
      const [first] = leaders;
      if (first === null || first === undefined || first === not) return false;
      return leaders.every((leader) => leader === first) ? first : false;
    },
    30_000,
  );
}

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
  const before = await raftStatus(voters[dead] as number);
  children[dead]?.kill('SIGKILL');
  const survivors = voters.filter((_, i) => i !== dead);
  const successor = await agreedLeader(survivors, leader);
  assert.notEqual(successor, leader);
  const afterwards = await raftStatus(survivors[0] as number);
  assert.ok(afterwards.term > before.term);

  start(dead);
  await eventually(
    'the restarted member to catch up',
    async () => {
      const status = await raftStatus(voters[dead] as number);
      const { commit_index: target } = await raftStatus(survivors[0] as number);
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
      const status = await raftStatus(Number(joined));
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
  const cases: readonly [string, string[], RegExp][] = [
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
