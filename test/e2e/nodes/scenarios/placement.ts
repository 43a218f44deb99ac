/** Pods that find no place, no image, no memory, no room to grow: each is told in a condition, and mending the spec is enough. */
import assert from 'node:assert/strict';
import { RESOURCES } from '../../../../src/kube/index.ts';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { mcpCluster, NAMESPACE, scriptServer, EVERYTHING } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { SAMPLE, whole } from '../../scenarios/cluster.ts';
import { change, podUids, roll } from '../../scenarios/life-cycle.ts';
import { assertSurvived, moreCalls, openBusySession } from '../../sessions.ts';
import type { NodesArena } from '../arena.ts';
import { because } from '../conditions.ts';

const required: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.anti-affinity'), async (arena: NodesArena) => {
    await whole(arena);
    await roll(arena, () => change(arena, { podTemplate: { antiAffinity: 'Required' } }));
    const pods = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
    const nodes = pods.map(({ spec }) => spec?.nodeName);
    assert.equal(new Set(nodes).size, 3, nodes.join());
  }),
  timeoutMs: 240_000,
};

const tainted: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.unschedulable'), async (arena: NodesArena) => {
    const { kubectl, quietNode: node } = arena;
    const name = 'placed';
    const podTemplate = { nodeSelector: { 'kubernetes.io/hostname': node } };
    await kubectl(`taint node ${node} mcpcluster.io/e2e=alone:NoSchedule`);
    try {
      await arena.apply(mcpCluster(name, { server: EVERYTHING, replicas: 1, podTemplate }));
      const message = await because(arena, name, 'Degraded', 'PodUnschedulable');
      assert.match(message, /no node fits placed-0: .*taint/);
      const tolerations = [{ key: 'mcpcluster.io/e2e', operator: 'Exists' }];
      await arena.apply(
        mcpCluster(name, {
          server: EVERYTHING,
          replicas: 1,
          podTemplate: { ...podTemplate, tolerations },
        }),
      );
      await arena.condition(name, 'Available');
      const [pod] = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${name}`);
      assert.equal(pod?.spec?.nodeName, node);
    } finally {
      await kubectl(`taint node ${node} mcpcluster.io/e2e-`);
      await arena.remove(name);
    }
  }),
  timeoutMs: 180_000,
};

const badImage: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.bad-image'), async (arena: NodesArena) => {
    await whole(arena);
    const session = await openBusySession(await arena.url(SAMPLE));
    const before = await podUids(arena);
    const image = 'example.invalid/nothing:1';
    await change(arena, { server: { image } });
    const message = await because(arena, SAMPLE, 'Degraded', 'ImageUnavailable');
    assert.match(message, /everything-\d: server: /);
    const kept = (await podUids(arena)).filter((uid) => before.includes(uid));
    assert.equal(kept.length, 2, 'one pod was tried, and no other');
    await moreCalls(session);
    await change(arena, { server: { image: arena.options.serverImage } });
    await whole(arena);
    const now = await podUids(arena);
    assert.deepEqual(
      kept.filter((uid) => now.includes(uid)),
      kept,
      'the others were left alone',
    );
    await moreCalls(session);
    await assertSurvived(session, Infinity);
  }),
  timeoutMs: 180_000,
};

const hungry = scenario(verifies('nodes.memory'), async (arena: NodesArena) => {
  const name = 'hungry';
  const script = `
    const taken = [];
    require('node:http').createServer((request, response) => response.writeHead(405).end()).listen(3001);
    setInterval(() => taken.push(Buffer.alloc(16 * 1024 * 1024, 1)), 100);`;
  const server = { ...scriptServer(script), resources: { limits: { memory: '160Mi' } } };
  await arena.apply(mcpCluster(name, { server, replicas: 1 }));
  try {
    const message = await because(arena, name, 'Degraded', 'ServerCrashing');
    assert.match(message, /hungry-0: server .*OOMKilled/);
  } finally {
    await arena.remove(name);
  }
});

/** A volume of this class, or of the default one, is asked to grow. */
async function growth(arena: NodesArena, name: string, storageClassName?: string): Promise<void> {
  const spec = (size: string): object => {
    const storage = { size, ...(storageClassName === undefined ? {} : { storageClassName }) };
    return { server: EVERYTHING, replicas: 1, storage };
  };
  await arena.apply(mcpCluster(name, spec('1Gi')));
  try {
    await arena.condition(name, 'Available');
    const used = await arena.kubectl(`get pvc data-${name}-0 -o jsonpath={.spec.storageClassName}`);
    const storageClass = await arena.client.get(RESOURCES.storageClasses, { name: used });
    await arena.apply(mcpCluster(name, spec('2Gi')));
    if (storageClass?.['allowVolumeExpansion'] === true) {
      await eventually(
        'the claim to ask for more',
        async () =>
          (await arena.kubectl(
            `get pvc data-${name}-0 -o jsonpath={.spec.resources.requests.storage}`,
          )) === '2Gi',
        60_000,
      );
    } else {
      const message = await because(arena, name, 'Reconciled', 'VolumeNotExpandable');
      assert.match(message, /storageclass/i);
    }
    await arena.condition(name, 'Available');
  } finally {
    await arena.remove(name);
  }
}

const growths = scenario(verifies('nodes.storage'), async (arena: NodesArena) => {
  const { rigidStorageClass } = arena;
  await Promise.all([
    growth(arena, 'growing'),
    ...(rigidStorageClass === undefined ? [] : [growth(arena, 'rigid', rigidStorageClass)]),
  ]);
});

export const placementScenarios = [required, badImage];
/** Each has a cluster of its own, and mostly waits. */
export const smallScenarios = [tainted, hungry, growths];
