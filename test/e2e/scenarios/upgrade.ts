/** The operator and the pods of the commit before, then those of this one, then back, under the calls of real clients. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { stopChild } from '../../../src/cli/operator-process.ts';
import { bundlePath } from '../../../src/cli/project.ts';
import { RESOURCES, type KubeObject } from '../../../src/kube/index.ts';
import { DEFAULT_IMAGE } from '../../../src/operator/index.ts';
import { eventually } from '../../eventually.ts';
import { verifies } from '../../requirements.ts';
import type { Arena } from '../arena.ts';
import {
  installDefinitions,
  PREVIOUS_IMAGE,
  readDefinitions,
  type LaptopArena,
} from '../laptop.ts';
import { EVERYTHING, mcpCluster, NAMESPACE } from '../manifests.ts';
import { buildPrevious, previousCommit, previousFolder, previousProgram } from '../previous.ts';
import type { Scenario } from '../scenario.ts';
import { assertSurvived, moreCalls, openBusySession } from '../sessions.ts';

const NAME = 'upgraded';
const PATIENCE_MS = 90_000;

interface Running {
  stop(): Promise<void>;
}

/** An operator of any age, whose pods run `image`; an older program does not know each flag. */
function startOperator(arena: LaptopArena, program: string, image: string): Running {
  const environment = {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    ...arena.cluster.networkVariables(),
  };
  const help = spawnSync(process.execPath, [program, 'operator', '--help'], { encoding: 'utf8' });
  const flags = {
    '--kubeconfig': arena.cluster.kubeconfig,
    '--health-address': '127.0.0.1:0',
    '--serving-port': '0',
    '--sidecar-image': image,
  };
  const known = Object.entries(flags).filter(([flag]) => help.stdout.includes(flag));
  const log = createWriteStream(join(arena.logFolder, 'operator.log'), { flags: 'a' });
  const child = spawn(process.execPath, [program, 'operator', ...known.flat()], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const exited = once(child, 'exit');
  return {
    async stop() {
      await stopChild(child, exited);
      log.end();
    },
  };
}

interface Pods {
  readonly uids: readonly string[];
  readonly images: readonly string[];
}

async function podsOf({ client }: Arena): Promise<Pods> {
  const labelSelector = `mcpcluster.io/cluster=${NAME}`;
  const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE, labelSelector });
  const specs = items.map((pod) => pod['spec'] as { initContainers: { image: string }[] });
  return {
    uids: items.map(({ metadata }) => metadata.uid ?? '').toSorted(),
    images: specs.map(({ initContainers }) => initContainers.at(-1)?.image ?? ''),
  };
}

/**
 * Three pods that run `image`, whole and at rest, in the words of the operator that runs now: no other can have seen the
 * generation that a small change of the spec makes.
 */
async function settled(arena: Arena, image: string): Promise<void> {
  const spec = { sessions: { max: (sessionsMax += 1) } };
  const ref = { namespace: NAMESPACE, name: NAME };
  await arena.client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: { spec } });
  let last: unknown;
  const isSettled = async (): Promise<boolean> => {
    const { metadata, status = {} } = await arena.get(NAME);
    const { readyReplicas, conditions = [], observedGeneration } = status;
    const { images } = await podsOf(arena);
    last = { images, conditions };
    const has = (type: string, state: string): boolean =>
      conditions.some((each) => each.type === type && each.status === state);
    return (
      readyReplicas === 3 &&
      images.length === 3 &&
      images.every((each) => each === image) &&
      observedGeneration === metadata.generation &&
      [has('Available', 'True'), has('Reconciled', 'True')].every(Boolean) &&
      [has('Progressing', 'False'), has('Degraded', 'False')].every(Boolean)
    );
  };
  await eventually(`three pods with ${image}`, isSettled, PATIENCE_MS).catch((error: unknown) => {
    throw new Error(`${String(error)}; there is ${JSON.stringify(last)}`);
  });
}

let sessionsMax = 1000;

async function templateOf({ client }: Arena): Promise<string> {
  const set = await client.get(RESOURCES.statefulSets, { namespace: NAMESPACE, name: NAME });
  return JSON.stringify((set?.['spec'] as { template: object } | undefined)?.template);
}

async function upgrade(arena: LaptopArena, commit: string): Promise<void> {
  const folder = previousFolder(arena.logFolder);
  buildPrevious(commit, folder);
  const before = previousProgram(folder);
  const present = bundlePath(arena.root);
  const replace = async (
    running: Running,
    program: string,
    image: string,
    definitions: readonly KubeObject[] = [],
  ): Promise<Running> => {
    await running.stop();
    await arena.apply(...definitions);
    return startOperator(arena, program, image);
  };
  const old = await readDefinitions(folder);
  const definitions = await readDefinitions(arena.root);
  await arena.apply(...old);
  let operator = startOperator(arena, before, PREVIOUS_IMAGE);
  try {
    await arena.apply(mcpCluster(NAME, { server: EVERYTHING, replicas: 3 }));
    await settled(arena, PREVIOUS_IMAGE);
    const url = await arena.url(NAME);
    const sessions = await Promise.all([1, 2, 3].map(() => openBusySession(url)));
    const goOn = () => Promise.all(sessions.map((session) => moreCalls(session, 20)));
    await goOn();
    const [podsBefore, templateBefore] = [await podsOf(arena), await templateOf(arena)];

    // The operator alone: pods change only when their template has.
    operator = await replace(operator, present, PREVIOUS_IMAGE, definitions);
    await settled(arena, PREVIOUS_IMAGE);
    const isSame = (await templateOf(arena)) === templateBefore;
    const podsAfter = await podsOf(arena);
    if (isSame) assert.deepEqual(podsAfter.uids, podsBefore.uids, 'pods restarted for nothing');
    console.log(
      `from ${commit.slice(0, 8)}: the pod template ${isSame ? 'is the same' : 'changed'}`,
    );

    // With its pods, and all of it back.
    operator = await replace(operator, present, DEFAULT_IMAGE);
    await settled(arena, DEFAULT_IMAGE);
    await goOn();
    operator = await replace(operator, before, PREVIOUS_IMAGE, old);
    await settled(arena, PREVIOUS_IMAGE);
    await goOn();
    for (const session of sessions) console.log(await assertSurvived(session, Infinity));
  } finally {
    await operator.stop();
    await installDefinitions(arena);
    await arena.remove(NAME);
  }
}

const previous = previousCommit();

export const upgradeScenarios: readonly Scenario<LaptopArena>[] = [
  {
    name: verifies('operator.upgrade'),
    only: 'kubebuilder',
    lacks: previous.kind === 'none' && previous.why,
    timeoutMs: 300_000,
    run: async (arena) => {
      if (previous.kind === 'none') return;
      const { commit, isNewest } = previous;
      if (!isNewest) console.log(`${commit} is the newest one with the same packages`);
      await upgrade(arena, commit);
    },
  },
];
