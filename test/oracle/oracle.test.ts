/** Our core and etcd's raft are given the same schedules, and must look the same after every event. */
import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { createRaftCore } from '../../src/raft/core/index.ts';
import { verifies } from '../requirements.ts';
import { compareSeeds } from './compare.ts';
import { MUTANTS, mutatedCore, type MutantName } from './mutants.ts';
import { buildOracle, startOracle, whyNoOracle } from './oracle.ts';

const SEEDS = 400;
const LENGTH = 300;
/** What the schedules have to reach: agreeing on nothing much would be easy. */
const KINDS = [
  ...['follower', 'pre-candidate', 'candidate', 'leader', 'transfer', 'learner', 'demoted'],
  ...['joint, left by itself', 'joint, left when told', 'append', 'append-response', 'snapshot'],
  ...['heartbeat', 'heartbeat-response', 'vote-request', 'vote-response', 'timeout-now'],
  ...['transfer-leader', 'read-index', 'read-index-response'],
];
/** What a mistake may cost at most to be found. */
const MUTANT_SEEDS_MAX = 400;

const skip = whyNoOracle() ?? false;

describe('compared with etcd’s raft', { skip }, () => {
  if (skip !== false) return;
  const oracle = startOracle(buildOracle());
  after(() => oracle.close());

  test(verifies('raft.core-agrees-with-etcd'), async () => {
    const range = { first: 1, count: SEEDS, length: LENGTH };
    const { totals, difference } = await compareSeeds(oracle, range, createRaftCore);
    assert.equal(difference?.report, undefined);
    assert.ok(totals.compared > SEEDS);
    assert.deepEqual(new Set(KINDS).difference(totals.seen), new Set());
  });

  for (const name of Object.keys(MUTANTS) as MutantName[]) {
    test(`a difference is noticed when ${name}`, async () => {
      const range = { first: 1, count: MUTANT_SEEDS_MAX, length: LENGTH };
      const { difference } = await compareSeeds(oracle, range, await mutatedCore(name));
      assert.ok(difference, 'no seed told the mutant from etcd’s raft');
      assert.match(difference.report, /replay: .* --seed \d+$/);
    });
  }
});
