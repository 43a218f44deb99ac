/** The table of incarnations, and the laws that make views equal whatever was heard in which order. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MemberRecord, MemberState } from '../../src/gossip/core/model.ts';
import { changesBetween, merge, refute } from '../../src/gossip/core/records.ts';
import { verifies } from '../requirements.ts';

const record = (
  state: MemberState,
  incarnation: number,
  version = 1,
  instance = 'i1',
): MemberRecord => ({
  id: 'm',
  address: 'm:7000',
  state,
  incarnation,
  version,
  load: version,
  meta: { instance },
});

const arbitrary = fc
  .tuple(
    fc.constantFrom<MemberState>('alive', 'suspect', 'dead', 'left'),
    fc.nat(3),
    fc.nat(3),
    fc.constantFrom('i1', 'i2'),
  )
  .map(([state, incarnation, version, instance]) => record(state, incarnation, version, instance));

test(verifies('gossip.incarnations'), () => {
  const beats = (heard: MemberRecord, known: MemberRecord) =>
    merge(known, heard).state === heard.state && merge(known, heard) !== known;
  const expected: readonly (readonly [MemberState, MemberState, 'same' | 'higher'])[] = [
    // heard, known, the incarnation that `heard` needs at least to win
    ['alive', 'suspect', 'higher'],
    ['alive', 'dead', 'higher'],
    ['alive', 'left', 'higher'],
    ['suspect', 'alive', 'same'],
    ['suspect', 'dead', 'higher'],
    ['suspect', 'left', 'higher'],
    ['dead', 'alive', 'same'],
    ['dead', 'suspect', 'same'],
    ['dead', 'left', 'higher'],
    ['left', 'alive', 'same'],
    ['left', 'suspect', 'same'],
    ['left', 'dead', 'same'],
  ];
  for (const [heard, known, needed] of expected) {
    const what = `${heard} against ${known}`;
    assert.equal(beats(record(heard, 4), record(known, 5)), false, `${what}, lower`);
    assert.equal(beats(record(heard, 5), record(known, 5)), needed === 'same', `${what}, same`);
    assert.equal(beats(record(heard, 6), record(known, 5)), true, `${what}, higher`);
  }
});

test('merging is commutative, associative and idempotent', () => {
  fc.assert(
    fc.property(arbitrary, arbitrary, arbitrary, (a, b, c) => {
      assert.deepEqual(merge(a, b), merge(b, a));
      assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)));
      assert.equal(merge(a, a), a);
      assert.deepEqual(merge(merge(a, b), b), merge(a, b));
    }),
  );
});

test('what a member answers about itself beats every claim against it', () => {
  fc.assert(
    fc.property(arbitrary, arbitrary, (other, claim) => {
      const self = { ...other, state: 'alive' as const };
      const answer = refute(self, claim) ?? self;
      const believed = merge(merge(claim, self), answer);
      assert.equal(believed.state, 'alive');
      assert.deepEqual(believed.meta, self.meta);
      assert.deepEqual(believed, answer);
    }),
  );
});

test('a member that is spoken of as it is has nothing to refute', () => {
  assert.equal(refute(record('alive', 3), record('alive', 3)), undefined);
  assert.equal(refute(record('alive', 3), record('suspect', 2)), undefined);
  assert.equal(refute(record('alive', 3), record('suspect', 3))?.incarnation, 4);
  assert.equal(refute(record('alive', 3), record('dead', 9))?.incarnation, 10);
  assert.equal(refute(record('alive', 3, 1, 'new'), record('alive', 3, 5, 'old'))?.version, 6);
});

test('every change has its name', () => {
  const kinds = (previous: MemberRecord | undefined, next: MemberRecord) =>
    changesBetween(previous, next)
      .map(({ kind }) => kind)
      .join(' ');
  assert.equal(kinds(undefined, record('alive', 1)), 'joined');
  assert.equal(kinds(undefined, record('dead', 1)), 'died');
  assert.equal(kinds(undefined, record('left', 1)), 'left');
  assert.equal(kinds(record('alive', 1), record('suspect', 1)), 'suspected');
  assert.equal(kinds(record('suspect', 1), record('alive', 2)), 'refuted');
  assert.equal(kinds(record('suspect', 1), record('dead', 1)), 'died');
  assert.equal(kinds(record('alive', 1), record('left', 1)), 'left');
  assert.equal(kinds(record('dead', 1), record('alive', 2)), 'joined');
  assert.equal(kinds(record('dead', 1), record('alive', 2, 2, 'i2')), 'restarted');
  assert.equal(kinds(record('alive', 1), record('alive', 2, 2, 'i2')), 'restarted');
  assert.equal(kinds(record('alive', 1), record('suspect', 2, 2, 'i2')), 'restarted suspected');
  assert.equal(kinds(record('alive', 1), record('alive', 1, 2)), 'updated');
  assert.equal(kinds(record('alive', 1), record('alive', 2)), '');
});
