/** Who takes part, as people and gossip change it, among sidecars that are processes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { RpcError } from '../../src/rpc/index.ts';
import { eventually } from '../eventually.ts';
import { freePorts } from '../free-ports.ts';
import { verifies } from '../requirements.ts';
import { agreedLeader, createProcesses, raftPage, readyPage, type Process } from './processes.ts';

const { folder, run, sidecar, admin } = await createProcesses();

interface Member {
  readonly id: string;
  readonly port: number;
  /** Undefined before its first start. */
  process: Process | undefined;
  start(): void;
  /** Ends it by a signal; resolves with its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  wipe(): Promise<void>;
}

/** Members with these names that know each other as voters; so many of them are started. */
async function cluster(prefix: string, count: number, begun = count): Promise<Member[]> {
  const ports = await freePorts(count);
  const ids = ports.map((_, i) => `${prefix}${i + 1}`);
  const peers = ids.map((id, i) => `${id}@127.0.0.1:${ports[i]}`).join();
  const members = ids.map((id, i) => member(id, ports[i] as number, ['--peers', peers]));
  for (const member of members.slice(0, begun)) member.start();
  return members;
}

function member(id: string, port: number, flags: string[]): Member {
  const self: Member = {
    id,
    port,
    process: undefined,
    start: () => void (self.process = sidecar(id, port, ...flags)),
    async end(signal) {
      const process = self.process as Process;
      const exited = once(process, 'exit');
      process.kill(signal);
      const [code] = (await exited) as [number | null];
      return code;
    },
    wipe: () => rm(join(folder, `cluster-${id}`), { recursive: true }),
  };
  return self;
}

const portsOf = (members: readonly Member[]): number[] => members.map(({ port }) => port);

async function leaderOf(members: readonly Member[], not?: string): Promise<Member> {
  const id = await agreedLeader(portsOf(members), not);
  return members.find((member) => member.id === id) as Member;
}

const until = (what: string, look: () => Promise<boolean>): Promise<unknown> =>
  eventually(what, look, 30_000);

const has = async (port: number, list: 'voters' | 'learners', ids: string[]): Promise<boolean> =>
  (await raftPage(port))[list].join() === ids.join();

/** Waits until the leader at `port` knows that these members have all of its log. */
const caughtUp = (port: number, ids: readonly string[]): Promise<unknown> =>
  until('them to be caught up', async () => {
    const { matchIndexes, commitIndex } = await admin(port, ({ status }) => status());
    return matchIndexes
      .filter(({ id }) => ids.includes(id))
      .every(({ matchIndex }) => matchIndex >= commitIndex);
  });

test(verifies('admin.membership'), async () => {
  const founders = await cluster('a', 3);
  const leader = await leaderOf(founders);
  const follower = founders.find((member) => member !== leader) as Member;
  const [port = 0] = await freePorts(1);
  const fourth = member('a4', port, ['--join', `127.0.0.1:${leader.port}`]);
  fourth.start();
  await until('the fourth to be let in', () => has(leader.port, 'learners', ['a4']));

  // Promoted through a follower, in the same step in which the follower loses its vote.
  const replace = [
    { type: 'add-voter', id: 'a4' },
    { type: 'remove', id: follower.id },
  ];
  await caughtUp(leader.port, ['a4']);
  const answer = await admin(follower.port, ({ change }) => change(replace));
  const voters = ['a1', 'a2', 'a3', 'a4'].filter((id) => id !== follower.id);
  assert.deepEqual(answer.voters, voters);
  assert.deepEqual(answer.votersOutgoing, []);
  await until('the removed one, which lives, to be a learner', () =>
    has(leader.port, 'learners', [follower.id]),
  );

  const next = founders.find(({ id }) => id !== leader.id && id !== follower.id) as Member;
  const { leaderId } = await admin(fourth.port, ({ transfer }) => transfer(next.id));
  assert.equal(leaderId, next.id);
  const status = await admin(next.port, (client) => client.status());
  assert.equal(status.role, 'leader');
  assert.deepEqual(status.voters, voters);
  assert.deepEqual(status.learners, [follower.id]);
  assert.deepEqual(status.problems, []);
  assert.ok(status.matchIndexes.every(({ matchIndex }) => matchIndex > 0));

  /** A new leader refuses changes for a moment, and says that it may be tried again. */
  const refusal = (changes: { type: string; id: string }[]) =>
    eventually('a refusal for good', () =>
      admin(leader.port, ({ change }) => change(changes)).then(
        () => assert.fail('it was accepted'),
        (error: RpcError) => (error.retryable ? undefined : error),
      ),
    );
  const refused = async (
    changes: { type: string; id: string }[],
    code: string,
    text: RegExp,
  ): Promise<void> => {
    const error = await refusal(changes);
    assert.equal(error.code, code);
    assert.match(error.message, text);
  };
  const everybody = voters.map((id) => ({ type: 'remove', id }));
  await refused(everybody, 'invalid-argument', /invalid-change/);
  const old = { voters: ['a1', 'a2', 'a3'], votersOutgoing: [], learners: ['a4'] };
  const onOldFacts = admin(leader.port, ({ change }) => change(everybody, '', old));
  await assert.rejects(onOldFacts, /others take part by now/);
  await refused([], 'failed-precondition', /not-joint/);
  await refused([{ type: 'promote', id: 'a1' }], 'invalid-argument', /expected add-voter/);
  await refused([{ type: 'remove', id: '' }], 'invalid-argument', /an id is missing/);
  await refused([{ type: 'add-voter', id: 'nobody' }], 'failed-precondition', /not-caught-up/);
  assert.deepEqual((await raftPage(leader.port)).voters, voters);

  assert.equal(await follower.end('SIGTERM'), 0);
  await until('who left to be taken out', () => has(next.port, 'learners', []));
});

test(verifies('sidecar.hands-over-at-sigterm'), async () => {
  const members = await cluster('b', 3);
  const leader = await leaderOf(members);
  const { term } = await raftPage(leader.port);
  assert.equal(await leader.end('SIGTERM'), 0);
  const survivors = members.filter((member) => member !== leader);
  const successor = await leaderOf(survivors, leader.id);
  assert.equal((await raftPage(successor.port)).term, term + 1);
  for (const { process } of survivors) {
    // Had the leader simply gone, its broken connections would have been the reason for the election.
    assert.doesNotMatch((process as Process).lines.join(''), /leader unreachable/);
  }
  assert.doesNotMatch(
    (leader.process as Process).lines.join(''),
    /not handed over|did not stop in order/,
  );
});

test(verifies('sidecar.founds-no-second-cluster'), async () => {
  const members = await cluster('c', 3);
  await leaderOf(members);
  const [survivor, ...lost] = members as [Member, ...Member[]];
  await until('everyone to have what was agreed', async () => {
    const pages = await Promise.all(portsOf(members).map(raftPage));
    return new Set(pages.map(({ commit_index: index }) => index)).size === 1;
  });
  for (const member of lost) {
    await member.end('SIGKILL');
    await member.wipe();
  }
  for (const member of lost) member.start();
  for (const { port } of lost) {
    await until('it to say that it has no data', async () =>
      (await readyPage(port)).startsWith('not ready: member-replaced: '),
    );
  }
  for (const { port } of members) assert.equal((await raftPage(port)).leader_id, null);

  await survivor.end('SIGTERM');
  const folderOf = join(folder, `cluster-${survivor.id}`);
  const recover = async (...flags: string[]) => {
    const child = run('raft', 'recover', '--data-dir', folderOf, ...flags);
    const [code] = (await once(child, 'close')) as [number];
    return { code, text: child.lines.join('') };
  };
  const told = await recover('--trust-member', survivor.id);
  assert.equal(told.code, 3, told.text);
  const done = await recover(
    ...['--trust-member', survivor.id, '--yes-i-understand-that-data-may-be-lost'],
  );
  assert.equal(done.code, 0, done.text);
  survivor.start();
  await agreedLeader([survivor.port]);
  const ids = lost.map(({ id }) => id);
  await until('the others to be let in', async () => {
    return (await raftPage(survivor.port)).learners.toSorted().join() === ids.join();
  });
  await caughtUp(survivor.port, ids);
  const changes = ids.map((id) => ({ type: 'add-voter', id }));
  const answer = await admin(survivor.port, ({ change }) => change(changes));
  assert.deepEqual(
    answer.voters,
    members.map(({ id }) => id),
  );
  for (const { port } of members) {
    await until('it to be ready', async () => (await readyPage(port)) === 'ok\n');
  }
});

test(verifies('cli.raft'), async () => {
  const [one, two, three] = (await cluster('f', 3)) as [Member, Member, Member];
  const leader = await leaderOf([one, two, three]);
  const raft = async (...args: string[]) => {
    const tls = join(folder, 'mcp-cluster', 'standalone-tls');
    const at = ['--at', `127.0.0.1:${one.port}`, '--tls-dir', tls];
    const child = run('raft', ...args, ...at);
    const [code] = (await once(child, 'close')) as [number];
    return { code, text: child.lines.join('') };
  };
  const listed = await raft('members');
  assert.equal(listed.code, 0, listed.text);
  for (const { id } of [one, two, three]) {
    const role = id === leader.id ? 'leader' : 'voter';
    assert.match(listed.text, new RegExp(`^${id} +${role} +alive`, 'm'));
  }
  const whole = await raft('members', '--json');
  assert.deepEqual((JSON.parse(whole.text) as { voters: string[] }).voters, ['f1', 'f2', 'f3']);

  const next = leader === two ? three : two;
  const handed = await raft('transfer', next.id);
  assert.deepEqual(handed, { code: 0, text: `${next.id} leads\n` });
  const demoted = await raft('change', `add-learner=${leader.id}`);
  assert.equal(demoted.code, 0, demoted.text);
  assert.match(demoted.text, new RegExp(`learners: ${leader.id}$`, 'm'));

  const wrong = await raft('change', 'promote=f1');
  assert.equal(wrong.code, 2);
  assert.match(wrong.text, /promote=f1: expected add-voter=ID, add-learner=ID, remove=ID/);
  const refused = await raft('change', 'add-voter=nobody');
  assert.equal(refused.code, 2);
  assert.match(refused.text, /not-caught-up: a member must have nearly all of the log/);
});

test('a founder that comes late is let in as the voter it is', async () => {
  const members = await cluster('e', 3, 2);
  const [first, second, late] = members as [Member, Member, Member];
  await leaderOf([first, second]);
  await until('something to be agreed', async () => (await raftPage(first.port)).commit_index > 1);
  late.start();
  await until('it to be ready', async () => (await readyPage(late.port)) === 'ok\n');
  assert.equal((await raftPage(late.port)).role, 'follower');
  assert.match((late.process as Process).lines.join(''), /has no data, and its cluster exists/);
  await first.end('SIGKILL');
  await leaderOf([second, late], first.id);
});

test(verifies('cli.recover'), async (t) => {
  const [only] = (await cluster('d', 1)) as [Member];
  await leaderOf([only]);
  const directory = join(folder, `cluster-${only.id}`);
  const recover = async (...flags: string[]) => {
    const child = run('raft', 'recover', ...flags);
    const [code] = (await once(child, 'close')) as [number];
    return { code, text: child.lines.join('') };
  };
  const yes = '--yes-i-understand-that-data-may-be-lost';
  const trust = ['--data-dir', directory, '--trust-member', only.id];
  const refused = async (name: string, flags: string[], message: RegExp): Promise<void> => {
    await t.test(name, async () => {
      const { code, text } = await recover(...flags);
      assert.equal(code, 2, text);
      assert.match(text, message);
      assert.equal(text.trim().split('\n').length, 1, text);
    });
  };
  await refused('a member that runs', [...trust, yes], /in use by process \d+/);
  await only.end('SIGTERM');
  const wrong = ['--data-dir', folder, '--trust-member', only.id, yes];
  await refused('a folder of something else', wrong, /--data-dir .*no folder raft/);
  const another = ['--data-dir', directory, '--trust-member', 'd9', yes];
  await refused('the folder of another member', another, /belongs to nodeId d1, not d9/);
  await refused('voters without it', [...trust, '--voters', 'd2,d3', yes], /d1 must be among them/);
  await refused('voters twice', [...trust, '--voters', 'd1,d1', yes], /expected one to seven ids/);

  const audit = join(directory, 'audit.jsonl');
  const told = await recover(...trust, '--voters', 'd1,d2');
  assert.equal(told.code, 3, told.text);
  assert.match(told.text, /then +voters d1, d2; out: nobody/);
  assert.match(told.text, /nothing was changed/);
  assert.match(told.text, /must never run again with their data/);
  await assert.rejects(readFile(audit));

  const done = await recover(...trust, yes);
  assert.equal(done.code, 0, done.text);
  const records = (await readFile(audit, 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  assert.deepEqual(
    records.map(({ action, state }) => [action, state]),
    [
      ['force-membership', 'begun'],
      ['force-membership', 'done'],
    ],
  );
  only.start();
  await leaderOf([only]);
});
