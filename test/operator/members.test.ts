/** Members that come, go, lose their data and their majority, under an operator that dies; at a real API server. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import type { McpCluster } from '../../src/api/index.ts';
import { RESOURCES } from '../../src/kube/index.ts';
import type { SidecarClient } from '../../src/operator/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { condition, events, interposed, is, isCalm, openBench, type Bench } from './bench.ts';
import { skip, startRealApi, type RealApi } from './real-api.ts';

void suite('members under the operator', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(true);
  });
  after(() => api?.stop());

  test(verifies('operator.scale'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    await b.until('calm', isCalm);
    await b.patch({ replicas: 5 });
    const grown = await b.until('five voters', (cluster) => settledAt(cluster, 5));
    assert.equal(grown.status?.voters, 5);
    assert.deepEqual(
      grown.status?.members?.map(({ membership }) => membership),
      ['Voter', 'Voter', 'Voter', 'Voter', 'Voter'],
    );
    assert.deepEqual(b.pods.log.changes, [
      ...['add-learner tools-3', 'add-voter tools-3'],
      ...['add-learner tools-4', 'add-voter tools-4'],
    ]);
    const claim = await b.read(RESOURCES.persistentVolumeClaims, 'data-tools-4');
    await b.patch({ replicas: 3 });
    await b.until('three voters', (cluster) => settledAt(cluster, 3));
    assert.deepEqual(b.pods.log.changes.slice(4), [
      ...['remove tools-4', 'add-learner tools-3', 'remove tools-3'],
    ]);
    assert.ok(b.pods.told.includes('tools-4 drains') && b.pods.told.includes('tools-3 drains'));
    assert.ok(claim !== undefined);
    assert.equal(await b.read(RESOURCES.persistentVolumeClaims, 'data-tools-4'), undefined);
    assert.notEqual(await b.read(RESOURCES.persistentVolumeClaims, 'data-tools-2'), undefined);
    const told = await eventually('events', async () => {
      const seen = await events(b);
      return seen.includes('MemberRemoved') && seen;
    });
    for (const reason of ['ScalingUp', 'LearnerAdded', 'VoterPromoted', 'ScalingDown']) {
      assert.ok(told.includes(reason), `no event ${reason}: ${told.join()}`);
    }
    assert.deepEqual(await events(b, 'Warning'), []);
    await b.patch({ replicas: 1 });
    const alone = await b.until('one voter', (cluster) => settledAt(cluster, 1));
    assert.equal(alone.status?.leader, 'tools-0');
  });

  test(verifies('operator.lost-volume'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const before = await b.until('calm', isCalm);
    const { namespace } = b;
    const idOf = (cluster: McpCluster) => cluster.status?.members?.[1]?.id;
    await api.client.delete(RESOURCES.persistentVolumeClaims, { namespace, name: 'data-tools-1' });
    await api.client.delete(RESOURCES.pods, { namespace, name: 'tools-1' });
    const healed = await b.until(
      'another member in its place',
      (cluster) => isCalm(cluster) && idOf(cluster) !== idOf(before) && settledAt(cluster, 3),
    );
    assert.equal(healed.status?.members?.[1]?.membership, 'Voter');
    const steps = ['remove tools-1', 'add-learner tools-1', 'add-voter tools-1'];
    assert.deepEqual(b.pods.log.changes, steps);
  });

  test(verifies('operator.unusable-data'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const before = await b.until('calm', isCalm);
    const idOf = (cluster: McpCluster) => cluster.status?.members?.[2]?.id;
    b.pods.log.divergent.add('tools-2');
    b.pods.tell();
    await b.until(
      'another member in its place',
      (cluster) => isCalm(cluster) && idOf(cluster) !== idOf(before) && settledAt(cluster, 3),
    );
    await eventually('an event', async () => (await events(b)).includes('DataDiscarded'));
    await eventually('a warning', async () => (await events(b)).includes('DataUnusable'));
  });

  test(verifies('operator.recovery'), async (t) => {
    const b = await openBench(api, t);
    await b.create();
    const calm = await b.until('calm', isCalm);
    const ask = (id: string, trustMember: string) => b.patch({ recovery: { id, trustMember } });
    await assert.rejects(ask('early', 'tools-1'), /only for a cluster without a majority/);
    await assert.rejects(ask('early', 'other-1'), /must name a pod of this cluster/);
    for (const name of ['tools-0', 'tools-2']) b.pods.dead.add(name);
    b.pods.tell();
    const lost = await b.until('the loss', is('QuorumHealthy', 'False'));
    const told = condition(lost, 'QuorumHealthy');
    assert.equal(told?.reason, 'QuorumLost');
    assert.match(told?.message ?? '', /left: tools-1 \(log up to entry 10 of term \d+\)/);
    const patch = /kubectl -n (\S+) patch mcpcluster tools --type=merge -p '(.*)'/.exec(
      told?.message ?? '',
    );
    assert.deepEqual(JSON.parse(patch?.[2] ?? '').spec.recovery.trustMember, 'tools-1');
    assert.equal(b.pods.started.length, 3, 'nothing is recovered by itself');
    await ask('after the fire', 'tools-1').then(
      () => assert.fail('an id with spaces'),
      () => undefined,
    );
    await ask('after-the-fire', 'tools-1');
    const whole = await b.until(
      'the cluster to be whole again',
      (cluster) => cluster.status?.recovery?.phase === 'Done' && settledAt(cluster, 3),
    );
    assert.deepEqual(b.pods.log.changes, [
      ...['add-learner tools-0', 'add-voter tools-0'],
      ...['add-learner tools-2', 'add-voter tools-2'],
    ]);
    const ids = (cluster: McpCluster) => cluster.status?.members?.map(({ id }) => id) ?? [];
    const [was, now] = [ids(calm), ids(whole)];
    assert.deepEqual(
      [was[0] === now[0], was[1] === now[1], was[2] === now[2]],
      [false, true, false],
    );
    const started = b.pods.started.length;
    assert.equal(started, 6, 'every pod once more');
  });

  test(verifies('operator.membership-crash'), async (t) => {
    const b = await openBench(api, t);
    await b.create({ replicas: 1 });
    await b.until('calm', isCalm);
    await b.operator.stop();
    let lives = 0;
    for (const replicas of [3, 1]) {
      await b.patch({ replicas });
      const isThere = async (): Promise<boolean> => settledAt(await b.cluster(), replicas);
      while (!(await isThere())) {
        lives += 1;
        assert.ok(lives < LIVES_MAX, JSON.stringify((await b.cluster()).status));
        await liveAndDie(b, lives, isThere);
      }
    }
    b.operator = await b.start(api.client);
    await b.until('calm', isCalm);
    assert.ok(lives >= 10, `it died ${lives} times only`);
    assert.deepEqual([...new Set(b.pods.log.changes)].sort(byText), [
      ...['add-learner tools-1', 'add-learner tools-2', 'add-voter tools-1', 'add-voter tools-2'],
      ...['remove tools-1', 'remove tools-2'],
    ]);
  });
});

/** More than steps that a change of the size takes. */
const LIVES_MAX = 120;
const byText = (a: string, b: string): number => a.localeCompare(b);

/**
 * An operator that dies at its second write or call, whichever it is: before it is sent, or, every other time, before the
 * answer is there.
 */
async function liveAndDie(b: Bench, life: number, isThere: () => Promise<boolean>): Promise<void> {
  const died = Promise.withResolvers<void>();
  let acts = 0;
  const act = async <T>(perform: () => Promise<T>): Promise<T> => {
    acts += 1;
    if (acts < 2) return perform();
    if (acts === 2 && life % 2 === 0) await perform();
    died.resolve();
    throw new Error('the process is dead');
  };
  const operator = await b.start(interposed(b.api.client, act), dying(b.pods.sidecars, act));
  const isDone = eventually('the end', isThere, 20_000).catch(() => undefined);
  await Promise.race([died.promise, isDone]);
  await operator.stop();
}

type Act = <T>(perform: () => Promise<T>) => Promise<T>;

function dying(sidecars: SidecarClient, act: Act): SidecarClient {
  return {
    connect(target) {
      const link = sidecars.connect(target);
      return {
        ...link,
        changeMembership: (...args) => act(() => link.changeMembership(...args)),
        transferLeadership: (...args) => act(() => link.transferLeadership(...args)),
        drain: (...args) => act(() => link.drain(...args)),
      };
    },
  };
}

/** As many pods, voters and claims as the spec asks for, and nothing on its way. */
function settledAt(cluster: McpCluster, pods: number): boolean {
  const { members = [], readyReplicas, replicas, voters, releasing } = cluster.status ?? {};
  return (
    [members.length, readyReplicas, replicas, voters].every((count) => count === pods) &&
    releasing === undefined &&
    is('Progressing', 'False')(cluster)
  );
}
