/** etcd's tables of majorities and of configuration changes, case by case. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EMPTY_CONFIGURATION,
  enterJoint,
  leaveJoint,
  members,
  simpleChange,
  type ConfigChangeError,
} from '../../../src/raft/core/confchange.ts';
import {
  allVoters,
  quorumValue,
  voteResult,
  type VoterSets,
} from '../../../src/raft/core/quorum.ts';
import type { Configuration, MemberChange } from '../../../src/raft/core/types.ts';
import { verifies } from '../../requirements.ts';
import { parseCases, valueOf, type Case } from '../../scenarios/datadriven.ts';
import { etcdRaftFolder, readTexts } from '../../scenarios/etcd-raft.ts';

const folder = etcdRaftFolder();
const skip = folder === undefined ? 'the Go module of etcd raft is not here' : false;

function valuesOf(given: Case, key: string): readonly string[] {
  return given.args.find((arg) => arg.key === key)?.values ?? [];
}

/** The sets to judge, and for whom something is given: values are listed for each voter once, `_` for nothing. */
function readQuorum(given: Case, key: string): { sets: VoterSets; values: Map<string, string> } {
  const second = valuesOf(given, 'cfgj');
  const sets = [new Set(valuesOf(given, 'cfg')), new Set(second[0] === 'zero' ? [] : second)];
  const ids = [...allVoters(sets)];
  const listed = valuesOf(given, key);
  assert.equal(listed.length, ids.length, `line ${given.line}: one value for each voter`);
  const values = ids.map((id, i) => [id, listed[i] as string] as const);
  return { sets, values: new Map(values.filter(([, value]) => value !== '_')) };
}

function committed(given: Case): string {
  const { sets, values } = readQuorum(given, 'idx');
  const of = (order: VoterSets): number => quorumValue(order, (id) => Number(values.get(id) ?? 0));
  const value = of(sets);
  assert.equal(of(sets.toReversed()), value, 'the halves are equal before the law');
  if (sets[1]?.size === 0) assert.equal(of(sets.slice(0, 1)), value, 'an empty half says nothing');
  return value === Infinity ? '∞' : String(value);
}

const OUTCOMES = { won: 'VoteWon', lost: 'VoteLost', pending: 'VotePending' };

function vote(given: Case): string {
  const { sets, values } = readQuorum(given, 'votes');
  const votes = new Map([...values].map(([id, value]) => [id, value === 'y']));
  const result = voteResult(sets, votes);
  assert.equal(voteResult(sets.toReversed(), votes), result, 'the halves are equal before the law');
  return OUTCOMES[result];
}

const TYPES: Record<string, MemberChange['type']> = {
  v: 'add-voter',
  l: 'add-learner',
  r: 'remove',
};

/** An update changes an address, which our ids are; id 0 is etcd's way to say that a change was cancelled. */
function readChanges(input: string): MemberChange[] {
  const words = input.split(/\s+/).filter((word) => word !== '');
  return words.flatMap((word): MemberChange[] => {
    const type = TYPES[word[0] as string];
    const id = word.slice(1);
    return type === undefined || id === '0' ? [] : [{ type, id }];
  });
}

const ERRORS: Record<string, Partial<Record<ConfigChangeError, string>>> = {
  simple: {
    joint: "can't apply simple config change in joint config",
    'no-voters-left': 'removed all voters',
    'more-than-one-voter': 'more than one voter changed without entering joint config',
  },
  'enter-joint': {
    joint: 'config is already joint',
    'no-voters-yet': "can't make a zero-voter config joint",
    'no-voters-left': 'removed all voters',
  },
  'leave-joint': { 'not-joint': "can't leave a non-joint config" },
};

function change(configuration: Configuration, given: Case): ReturnType<typeof simpleChange> {
  const changes = readChanges(given.input);
  if (given.command === 'simple') return simpleChange(configuration, changes);
  if (given.command === 'leave-joint') return leaveJoint(configuration);
  const autoLeave = valueOf(given.args, 'autoleave') === 'true';
  return enterJoint(configuration, changes, autoLeave);
}

const numerically = (ids: readonly string[]): string[] =>
  ids.toSorted((a, b) => Number(a) - Number(b));
const listed = (ids: readonly string[]): string => `(${numerically(ids).join(' ')})`;

/** The configuration in etcd's words, with the case in which each member was first seen. */
function described(configuration: Configuration, since: ReadonlyMap<string, number>): string {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
  let head = `voters=${listed(voters)}`;
  if (votersOutgoing.length > 0) head += `&&${listed(votersOutgoing)}`;
  if (learners.length > 0) head += ` learners=${listed(learners)}`;
  if (learnersNext.length > 0) head += ` learners_next=${listed(learnersNext)}`;
  if (autoLeave) head += ' autoleave';
  const rows = numerically(members(configuration)).map((id) => {
    const learner = learners.includes(id) ? ' learner' : '';
    return `${id}: StateProbe match=0 next=${since.get(id)}${learner}`;
  });
  return [head, ...rows].join('\n');
}

function checkChanges(cases: readonly Case[]): void {
  let configuration = EMPTY_CONFIGURATION;
  let since = new Map<string, number>();
  for (const [i, given] of cases.entries()) {
    const result = change(configuration, given);
    if (!result.ok) {
      assert.equal(ERRORS[given.command]?.[result.error], given.expected, `line ${given.line}`);
      continue;
    }
    configuration = result.value;
    since = new Map(members(configuration).map((id) => [id, since.get(id) ?? Math.max(i, 1)]));
    assert.equal(described(configuration, since), given.expected, `line ${given.line}`);
  }
}

test(verifies('raft.majorities-as-in-etcd'), { skip }, () => {
  let count = 0;
  for (const [name, text] of readTexts(folder as string, 'quorum/testdata')) {
    for (const given of parseCases(text)) {
      const actual = given.command === 'vote' ? vote(given) : committed(given);
      // Above the result stands a drawing of who is where; an empty majority is drawn on the same line.
      const expected = given.expected.split('\n').at(-1)?.replace('<empty majority quorum>', '');
      assert.equal(actual, expected, `${name}, line ${given.line}`);
      count += 1;
    }
  }
  assert.equal(count, 127);
});

test(verifies('raft.configurations-as-in-etcd'), { skip }, () => {
  const tables = [...readTexts(folder as string, 'confchange/testdata').values()].map(parseCases);
  for (const cases of tables) checkChanges(cases);
  assert.equal(tables.flat().length, 58);
});
