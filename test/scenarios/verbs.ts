/** One handler for each command of a scenario: those of etcd's interaction traces, and a few of our own. */
import assert from 'node:assert/strict';
import type {
  ConfigChange,
  CoreConfig,
  MemberChange,
  ProposeResult,
  SnapshotMeta,
} from '../../src/raft/core/index.ts';
import { valueOf, type Arg, type Case } from './datadriven.ts';
import { describeEntry, describeMessage, describeProgress, describeRole } from './describe.ts';
import type { Environment } from './environment.ts';
import { ELECTION_TICKS, Member } from './member.ts';

export interface Scene {
  readonly env: Environment;
  /** The ticks after which a member campaigns, where a scenario says so. */
  readonly electionTicks: ReadonlyMap<string, number>;
}

/** No scenario tells proposals apart by their numbers. */
export const REQUEST = 1;

export type Verb = (scene: Scene, given: Case) => void;

/** The members a command is about, in the order given. */
export function idsOf(given: Case): string[] {
  return given.args.filter(({ values }) => values.length === 0).map(({ key }) => key);
}

export function firstOf({ env }: Scene, given: Case): Member {
  return env.member(given.args[0]?.key as string);
}

function listOf(args: readonly Arg[], key: string): string[] {
  return (args.find((arg) => arg.key === key)?.values ?? []).toSorted();
}

function addNodes({ env, electionTicks }: Scene, { args }: Case): void {
  const voters = listOf(args, 'voters');
  const learners = listOf(args, 'learners');
  const index = Number(valueOf(args, 'index') ?? 0);
  const configuration = {
    voters,
    votersOutgoing: [],
    learners,
    learnersNext: [],
    autoLeave: false,
  };
  const snapshot: SnapshotMeta = { index, term: index === 0 ? 0 : 1, configuration };
  const core = coreOptions(args);
  const asyncWrites = valueOf(args, 'async-storage-writes') === 'true';
  for (let count = Number(args[0]?.key); count > 0; count--) {
    const id = String(env.members.length + 1);
    const ticks = electionTicks.get(id) ?? ELECTION_TICKS.max;
    const hardState = { term: 0, vote: undefined, commit: index };
    const stored = { hardState, snapshot, entries: [] };
    const member = new Member(id, { asyncWrites, electionTicks: ticks, core }, stored);
    if (core.leaseReads === true) waitForLeases(member);
    env.members.push(member);
  }
}

/** For a while after its start a member must not vote, for it may have been part of a lease; etcd's vote at once. */
function waitForLeases({ core }: Member): void {
  for (let i = 0; i < ELECTION_TICKS.min; i++) core.tick();
}

function coreOptions(args: readonly Arg[]): Partial<CoreConfig> {
  const flag = (key: string): boolean => valueOf(args, key) === 'true';
  const limit = (name: keyof CoreConfig, key: string): Partial<CoreConfig> => {
    const value = valueOf(args, key);
    return value === undefined ? {} : { [name]: Number(value) };
  };
  return {
    preVote: flag('prevote'),
    checkQuorum: flag('checkquorum'),
    stepDownOnRemoval: flag('step-down-on-removal'),
    gatherFirstAppend: false,
    leaseReads: valueOf(args, 'read-only') === 'lease-based',
    ...limit('inflightMessagesMax', 'inflight'),
    ...limit('applyBytesMax', 'max-committed-size-per-ready'),
    ...limit('appendBytesMax', 'max-append-size'),
    ...limit('uncommittedBytesMax', 'max-uncommitted-size'),
    ...limit('pendingReadsMax', 'max-reads'),
    ...limit('promotionLagMax', 'promotion-lag'),
  };
}

function deliver({ env }: Scene, given: Case): void {
  const type = valueOf(given.args, 'type');
  const from = valueOf(given.args, 'from');
  let count = 0;
  for (const to of idsOf(given)) count += env.deliver({ to, type, from }, false);
  for (const to of listOf(given.args, 'drop')) count += env.deliver({ to, type, from }, true);
  if (count === 0) env.print('no messages');
}

function printLog({ env }: Scene, { entries, snapshot, lastIndex }: Member): void {
  if (entries.length > 0) return env.print(...entries.map(describeEntry));
  env.print(`log is empty: first index=${snapshot.index + 1}, last index=${lastIndex}`);
}

function printState({ env }: Scene): void {
  for (const { id, core } of env.members) {
    const { role, term, leaderId, configuration } = core.status();
    const votes = [...configuration.voters, ...configuration.votersOutgoing].includes(id);
    const suffrage = votes ? '(Voter)' : '(Non-Voter)';
    env.print(`${id}: ${describeRole(role)} ${suffrage} Term:${term} Lead:${leaderId ?? 0}`);
  }
}

const CHANGE_TYPES: Record<string, MemberChange['type']> = {
  v: 'add-voter',
  l: 'add-learner',
  r: 'remove',
};
const TRANSITIONS: Record<string, ConfigChange['transition']> = {
  auto: 'auto',
  implicit: 'joint-implicit',
  explicit: 'joint-explicit',
};

export function readChange({ args, input }: Case): ConfigChange {
  const words = input.split(/\s+/).filter((word) => word !== '');
  const changes = words.map((word): MemberChange => {
    const type = CHANGE_TYPES[word[0] as string];
    assert.ok(type !== undefined, `${word} is no change`);
    return { type, id: word.slice(1) };
  });
  const transition = TRANSITIONS[valueOf(args, 'transition') ?? 'auto'];
  assert.ok(transition !== undefined);
  return { transition, changes };
}

/** What etcd reports as dropped; a change that cannot begin yet is none of it, for an empty entry takes its place. */
const DROPPED: readonly ProposeResult[] = [
  'no-leader',
  'not-leader',
  'overloaded',
  'transferring',
  'removed',
];

function report({ env }: Scene, result: ProposeResult): void {
  if (DROPPED.includes(result)) env.print('raft proposal dropped');
}

function propose(scene: Scene, given: Case): void {
  const command = new TextEncoder().encode(given.args[1]?.key);
  report(scene, firstOf(scene, given).core.propose([command], REQUEST));
}

function proposeChange(scene: Scene, given: Case): void {
  report(scene, firstOf(scene, given).core.proposeConfig(readChange(given), REQUEST));
}

function sendSnapshot({ env }: Scene, given: Case): void {
  const [from, to] = idsOf(given) as [string, string];
  const { core, applied } = env.member(from);
  const { term } = core.status();
  const message = { type: 'snapshot', groupId: 'scenario', from, to, term, meta: applied } as const;
  env.send([message]);
  env.print(describeMessage(message));
}

function tick(scene: Scene, given: Case, count: number): void {
  for (let i = 0; i < count; i++) firstOf(scene, given).core.tick();
}

/** The commands of etcd's traces by name. */
export const TRACE_VERBS: Readonly<Record<string, Verb>> = {
  'add-nodes': addNodes,
  campaign: (scene, given) => firstOf(scene, given).core.campaign(),
  compact: (scene, given) => {
    const member = firstOf(scene, given);
    member.compact(Number(given.args[1]?.key));
    printLog(scene, member);
  },
  'deliver-msgs': deliver,
  'forget-leader': (scene, given) => void firstOf(scene, given).core.forgetLeader(),
  'process-append-thread': ({ env }, given) =>
    env.each(idsOf(given), 'processing append thread', (member) => env.processWrite(member)),
  'process-apply-thread': ({ env }, given) =>
    env.each(idsOf(given), 'processing apply thread', (member) => env.processApply(member)),
  'process-ready': ({ env }, given) =>
    env.each(idsOf(given), 'handling Ready', (member) => env.processReady(member)),
  propose,
  'propose-conf-change': proposeChange,
  'raft-log': (scene, given) => printLog(scene, firstOf(scene, given)),
  'raft-state': printState,
  'report-unreachable': ({ env }, given) => {
    const [from, to] = idsOf(given) as [string, string];
    env.member(from).core.reportUnreachable(to);
  },
  'send-snapshot': sendSnapshot,
  // A member draws the same time-out from its start on.
  'set-randomized-election-timeout': () => {},
  stabilize: ({ env }, given) => {
    const some = idsOf(given);
    env.stabilize(some.length > 0 ? some : env.members.map(({ id }) => id));
  },
  status: (scene, given) =>
    scene.env.print(...firstOf(scene, given).core.progress().map(describeProgress)),
  'tick-election': (scene, given) => tick(scene, given, ELECTION_TICKS.min),
  'tick-heartbeat': (scene, given) => tick(scene, given, 1),
  'transfer-leadership': ({ env }, { args }) => {
    const from = env.member(valueOf(args, 'from') as string);
    from.core.transferLeadership(valueOf(args, 'to') as string);
  },
};
