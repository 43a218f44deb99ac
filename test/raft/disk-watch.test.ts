/** When a member whose disk hangs may not lead. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MemberProgress, RaftCore, RoleName } from '../../src/raft/core/index.ts';
import { StallRule } from '../../src/raft/disk-watch.ts';
import { verifies } from '../requirements.ts';

const LIMIT_MS = 400;
const TICK_MS = 10;

interface Scene {
  readonly role?: RoleName;
  /** What the other voters have on disk `ms` after the stall began; the leader's log ends at 100. */
  readonly others?: (ms: number) => readonly number[];
  readonly isLearner?: boolean;
}

/** The time after the begin of a stall of a second at which the member may not lead, and at which it may again. */
function stallOfASecond({ role = 'leader', others = () => [], isLearner = false }: Scene): {
  readonly forbidden: number | undefined;
  readonly allowed: number | undefined;
} {
  const times = new Map<boolean, number>();
  let now = 0;
  const core = {
    status: () => ({ role, lastIndex: 100 }),
    progress: () =>
      ['n1', 'n2', 'n3'].map((id, i) => {
        const match = id === 'n1' ? 100 : (others(now)[i - 1] ?? 0);
        return { id, isLearner: isLearner && id !== 'n1', match } as MemberProgress;
      }),
    setEligible: (eligible: boolean) => times.set(eligible, now),
  } as unknown as RaftCore;
  const rule = new StallRule('n1', LIMIT_MS);
  for (; now < 1_100; now += TICK_MS) rule.check(core, now, now < 1_000 ? now : 0);
  return { forbidden: times.get(false), allowed: times.get(true) };
}

test(verifies('raft.stalled-disk-does-not-lead'), () => {
  const scenes = {
    'both others write': [{ others: () => [100, 100] }, 410, 1_000],
    'one other writes': [{ others: () => [100, 0] }, 410, 1_000],
    'all wait for the same disk': [{ others: () => [99, 98] }, undefined, undefined],
    'all waited, and the others go on a moment earlier': [
      { others: (ms: number) => (ms < 950 ? [99, 99] : [100, 100]) },
      undefined,
      undefined,
    ],
    'another one catches up during the stall': [
      { others: (ms: number) => (ms < 500 ? [99, 99] : [100, 99]) },
      610,
      1_000,
    ],
    'only learners write': [{ others: () => [100, 100], isLearner: true }, undefined, undefined],
    'a follower does not ask what others do': [{ role: 'follower' }, 410, 1_000],
  } as const satisfies Record<string, readonly [Scene, number | undefined, number | undefined]>;
  for (const [name, [scene, forbidden, allowed]] of Object.entries(scenes)) {
    assert.deepEqual(stallOfASecond(scene), { forbidden, allowed }, name);
  }
});
