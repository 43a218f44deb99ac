/** The last resort after the loss of a majority: membership rewritten on the disk of a member that is stopped. */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { diskFiles, forceConfiguration, type ForcedConfiguration } from '../../src/raft/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { bytes, TestCluster, type ClusterOptions } from './cluster.ts';

async function cluster(t: TestContext, options: ClusterOptions = {}): Promise<TestCluster> {
  const created = await TestCluster.create(undefined, options);
  t.after(() => created.stop());
  return created;
}

const force = (
  directory: string,
  nodeId: string,
  voters: readonly string[],
  confirm: (plan: ForcedConfiguration) => Promise<boolean> = async () => true,
) =>
  forceConfiguration({
    files: diskFiles(join(directory, 'raft')),
    nodeId,
    voters,
    reason: 'a test',
    confirm,
    clock: systemClock,
    random: systemRandom,
  });

/** Proposes so many commands, and loses two of the three disks once the third has them all. */
async function loseTwo(three: TestCluster, count: number): Promise<void> {
  const leader = await three.leader();
  await Promise.all(
    Array.from({ length: count }, (_, i) => leader.node.propose(bytes(`command ${i}`))),
  );
  const lastIndex = leader.node.status().lastIndex;
  await eventually('the third has all', () => {
    return (three.members.get('n3')?.node.status().lastIndex ?? 0) >= lastIndex;
  });
  await Promise.all([...three.members.values()].map((member) => member.stop()));
  for (const id of ['n1', 'n2']) await rm(three.dataDir(id), { recursive: true });
}

test(verifies('raft.lost-majority-is-recovered'), async (t) => {
  for (const options of [{}, { snapshot: { entries: 20, bytes: 2 ** 30 } }]) {
    await t.test(`with ${JSON.stringify(options)}`, async (t) => {
      const three = await cluster(t, options);
      await loseTwo(three, 50);
      let plan: ForcedConfiguration | undefined;
      await force(three.dataDir('n3'), 'n3', ['n3'], async (shown) => {
        plan = shown;
        return true;
      });
      assert.deepEqual(plan?.before.voters, ['n1', 'n2', 'n3']);
      assert.deepEqual(plan.after.voters, ['n3']);
      assert.deepEqual(plan.after.votersOutgoing, []);

      const { node, applied } = await three.start('n3');
      await node.propose(bytes('more'));
      const all = [...Array.from({ length: 50 }, (_, i) => `command ${i}`), 'more'];
      assert.deepEqual(applied.toSorted(), all.toSorted());
      assert.ok(node.status().term > plan.term);

      // The lost ones come back with new disks, and others with new names.
      const joined = [await three.join('n1'), await three.join('n5')];
      const changes = ['n1', 'n5'].map((id) => ({ type: 'add-voter' as const, id }));
      await eventually('both are caught up', async () =>
        node.changeMembership({ transition: 'auto', changes }).then(
          () => true,
          (error: { code?: string }) => {
            assert.equal(error.code, 'not-caught-up');
            return false;
          },
        ),
      );
      assert.deepEqual(node.status().voters, ['n1', 'n3', 'n5']);
      for (const member of joined) {
        await eventually('it votes', () => member.node.status().role === 'follower');
        await member.node.readBarrier();
        assert.deepEqual(member.applied.toSorted(), all.toSorted());
      }
      await three.members.get('n3')?.stop();
      await joined[0]?.node.propose(bytes('without the old one'));
    });
  }
});

test(verifies('raft.forced-change-is-refused'), async (t) => {
  const three = await cluster(t);
  const directory = three.dataDir('n3');
  const refused = (code: string, attempt: Promise<unknown>): Promise<void> =>
    assert.rejects(attempt, (error: { code?: string }) => error.code === code);
  await refused('locked', force(directory, 'n3', ['n3']));
  await loseTwo(three, 5);
  await refused('foreign', force(directory, 'n2', ['n2']));
  await refused('identity', force(three.dataDir('nobody'), 'n3', ['n3']));
  const plans: ForcedConfiguration[] = [];
  const no = async (plan: ForcedConfiguration): Promise<boolean> => {
    plans.push(plan);
    return false;
  };
  assert.equal(await force(directory, 'n3', ['n3'], no), false);
  assert.equal(await force(directory, 'n3', ['n3'], no), false);
  assert.deepEqual(plans[0], plans[1], 'nothing changed');
  // Said twice it is done once: there is nothing left to change.
  assert.equal(await force(directory, 'n3', ['n3']), true);
  await force(directory, 'n3', ['n3'], no);
  assert.deepEqual(plans[2]?.before, plans[2]?.after);
  assert.deepEqual(plans[2]?.after.voters, ['n3']);
});
