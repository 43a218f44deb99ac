/** What holds for every configuration that can be reached, whatever was asked for on the way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  applyChange,
  configurationFault,
  EMPTY_CONFIGURATION,
  enterJoint,
  isJoint,
  leaveJoint,
  members,
  simpleChange,
} from '../../../src/raft/core/confchange.ts';
import { voterSets, type VoterSets } from '../../../src/raft/core/quorum.ts';
import type { ConfigChange, Configuration, MemberChange } from '../../../src/raft/core/types.ts';
import { verifies } from '../../requirements.ts';

const IDS = ['a', 'b', 'c', 'd', 'e'];

const memberChange: fc.Arbitrary<MemberChange> = fc.record({
  type: fc.constantFrom('add-voter', 'add-learner', 'remove'),
  id: fc.constantFrom(...IDS),
});
const configChange: fc.Arbitrary<ConfigChange> = fc.record({
  transition: fc.constantFrom('auto', 'joint-implicit', 'joint-explicit'),
  changes: fc.array(memberChange, { maxLength: 4 }),
});
const history = fc.array(configChange, { maxLength: 12 });

/** All configurations on the way, from one founding voter. */
function reached(changes: readonly ConfigChange[]): Configuration[] {
  const all: Configuration[] = [{ ...EMPTY_CONFIGURATION, voters: ['a'] }];
  for (const change of changes) {
    const next = applyChange(all.at(-1) as Configuration, change);
    if (next.ok) all.push(next.value);
  }
  return all;
}

/** True when `agreeing` holds a majority of each set. */
function decides(sets: VoterSets, agreeing: ReadonlySet<string>): boolean {
  return sets.every((set) => set.intersection(agreeing).size * 2 > set.size);
}

function* subsets(ids: readonly string[]): Generator<Set<string>> {
  for (let bits = 0; bits < 1 << ids.length; bits++) {
    yield new Set(ids.filter((_, i) => (bits >> i) & 1));
  }
}

test(verifies('raft.configurations-are-sound'), () => {
  fc.assert(
    fc.property(history, (changes) => {
      for (const configuration of reached(changes)) {
        const { voters, votersOutgoing, learners, learnersNext, autoLeave } = configuration;
        assert.equal(configurationFault(configuration), undefined);
        assert.ok(voters.length > 0);
        assert.equal(isJoint(configuration), votersOutgoing.length > 0);
        assert.ok(learners.every((id) => !voters.includes(id) && !votersOutgoing.includes(id)));
        assert.ok(learnersNext.every((id) => votersOutgoing.includes(id) && !voters.includes(id)));
        assert.ok(isJoint(configuration) || (!autoLeave && learnersNext.length === 0));
      }
    }),
  );
});

test(verifies('raft.successive-majorities-meet'), () => {
  fc.assert(
    fc.property(history, (changes) => {
      const all = reached(changes);
      for (const [i, configuration] of all.slice(1).entries()) {
        const before = voterSets(all[i] as Configuration);
        const after = voterSets(configuration);
        // No group can decide by the one while all others decide by the other.
        for (const group of subsets(IDS)) {
          const rest = new Set(IDS).difference(group);
          assert.ok(!(decides(before, group) && decides(after, rest)));
        }
      }
    }),
  );
});

test('every configuration can be made anew from nothing, as a restart makes it', () => {
  fc.assert(
    fc.property(history, (changes) => {
      const wanted = reached(changes).at(-1) as Configuration;
      const joint = isJoint(wanted);
      let made = EMPTY_CONFIGURATION;
      for (const id of joint ? wanted.votersOutgoing : wanted.voters) {
        const next = simpleChange(made, [{ type: 'add-voter', id }]);
        assert.ok(next.ok);
        made = next.value;
      }
      const learners = [...wanted.learners, ...wanted.learnersNext];
      const rest: MemberChange[] = [
        ...(joint ? made.voters.map((id) => ({ type: 'remove' as const, id })) : []),
        ...wanted.voters.map((id) => ({ type: 'add-voter' as const, id })),
        ...learners.map((id) => ({ type: 'add-learner' as const, id })),
      ];
      const result = joint ? enterJoint(made, rest, wanted.autoLeave) : simpleChange(made, rest);
      assert.deepEqual(result, { ok: true, value: wanted });
    }),
  );
});

test('leaving a joint configuration keeps everybody but the outgoing voters', () => {
  fc.assert(
    fc.property(history, fc.array(memberChange), (changes, more) => {
      const before = reached(changes).at(-1) as Configuration;
      const joint = isJoint(before)
        ? { ok: true as const, value: before }
        : enterJoint(before, more, true);
      if (!joint.ok) return;
      const left = leaveJoint(joint.value);
      assert.ok(left.ok);
      assert.deepEqual(left.value.voters, joint.value.voters);
      const gone = members(joint.value).filter((id) => !members(left.value).includes(id));
      assert.ok(gone.every((id) => joint.value.votersOutgoing.includes(id)));
    }),
  );
});

test('a change says by itself which way it goes', () => {
  const change = (transition: ConfigChange['transition'], ...ids: string[]): ConfigChange => ({
    transition,
    changes: ids.map((id) => ({ type: 'add-voter', id })),
  });
  const one: Configuration = { ...EMPTY_CONFIGURATION, voters: ['a'] };
  const outcome = (from: Configuration, by: ConfigChange): unknown => {
    const result = applyChange(from, by);
    if (!result.ok) return result.error;
    const { voters, votersOutgoing, autoLeave } = result.value;
    return `${voters.join('')}&${votersOutgoing.join('')}${autoLeave ? ' auto' : ''}`;
  };
  assert.equal(outcome(one, change('auto', 'b')), 'ab&');
  assert.equal(outcome(one, change('auto', 'b', 'c')), 'abc&a auto');
  assert.equal(outcome(one, change('joint-implicit', 'b')), 'ab&a auto');
  assert.equal(outcome(one, change('joint-explicit', 'b')), 'ab&a');
  assert.equal(outcome(one, change('auto')), 'not-joint');
  const joint: Configuration = { ...one, voters: ['a', 'b'], votersOutgoing: ['a'] };
  assert.equal(outcome(joint, change('auto')), 'ab&');
  assert.equal(outcome(joint, change('auto', 'c')), 'joint');
  assert.equal(outcome(joint, change('joint-explicit')), 'ab&');
  assert.equal(outcome(one, change('joint-explicit')), 'not-joint');
});

test('a configuration from outside that contradicts itself is told from a sound one', () => {
  const base: Configuration = { ...EMPTY_CONFIGURATION, voters: ['a', 'b'] };
  const faulty: Partial<Configuration>[] = [
    { voters: ['b', 'a'] },
    { voters: ['a', 'a'] },
    { voters: [], votersOutgoing: ['a'] },
    { autoLeave: true },
    { learners: ['a'] },
    { votersOutgoing: ['c'], learners: ['c'] },
    { learnersNext: ['c'] },
    { votersOutgoing: ['a'], learnersNext: ['a'] },
  ];
  assert.equal(configurationFault(base), undefined);
  for (const part of faulty) assert.notEqual(configurationFault({ ...base, ...part }), undefined);
});
