/** Nodes that vanish, cut off or dead, under the load of a client that calls every 20 ms. */
import assert from 'node:assert/strict';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from '../../../eventually.ts';
import { verifies } from '../../../requirements.ts';
import { NAMESPACE } from '../../manifests.ts';
import { scenario, type Scenario } from '../../scenario.ts';
import { SAMPLE, whole } from '../../scenarios/cluster.ts';
import { settled } from '../../scenarios/members.ts';
import { assertSurvived, moreCalls, openSessionOn, withMembers } from '../../sessions.ts';
import { OPERATOR_NAMESPACE, OPERATOR_PODS, type NodesArena } from '../arena.ts';
import { leavesService } from '../endpoints.ts';
import { outageMs, startLoad, type Load, type LoadOptions, type Report } from '../load.ts';

const OUTAGE_MAX_MS = 2_000;
/** A lease lasts two seconds and is renewed twice a second. */
const SERVES_ON_MAX_MS = 2_500;
const LOAD_SECONDS = 20;
const WITNESS_SECONDS = 30;
const SILENCE_MIN_MS = 4_000;
const GATEWAY_PORT = 8080;

/** A node with a pod of the sample and without what a scenario still needs. */
async function victimOf(arena: NodesArena): Promise<{ node: string; pod: string }> {
  const leader = await eventually('an operator that leads', () => arena.operatorLeader(), 30_000);
  const operators = await arena.pods(OPERATOR_NAMESPACE, OPERATOR_PODS);
  const leading = operators.find(({ metadata }) => metadata.name === leader)?.spec?.nodeName;
  const members = await arena.pods(NAMESPACE, `mcpcluster.io/cluster=${SAMPLE}`);
  const found = members.find(
    ({ spec }) => spec?.nodeName !== arena.quietNode && spec?.nodeName !== leading,
  );
  assert.ok(found, `no pod of ${SAMPLE} but on ${arena.quietNode} and ${leading}`);
  return { node: found.spec?.nodeName ?? '', pod: found.metadata.name ?? '' };
}

const startClient = (arena: NodesArena, more: Partial<LoadOptions> = {}): Promise<Load> =>
  startLoad({
    client: arena.client,
    image: arena.options.image,
    url: `http://${SAMPLE}.${NAMESPACE}.svc:${GATEWAY_PORT}/mcp`,
    seconds: LOAD_SECONDS,
    name: 'load',
    where: { node: arena.quietNode },
    ...more,
  });

function tell(what: string, goneMs: number, report: Report): void {
  const { calls, slowestMs, failures } = report;
  const reasons = [...new Set(failures.map(({ why }) => why))].join(', ');
  console.log(
    `${what}: its pod left the EndpointSlice after ${Math.round(goneMs)} ms; of ${calls} calls ${failures.length} failed, ` +
      `begun within ${outageMs(report)} ms (${reasons}); slowest answer ${slowestMs} ms`,
  );
}

/** A node under load vanishes by one command of the arena and is given back by the other. */
async function loseNode(
  arena: NodesArena,
  command: 'cut' | 'kill',
  undo: 'heal' | 'start',
  what: string,
): Promise<string> {
  await whole(arena);
  const { node, pod } = await victimOf(arena);
  const load = await startClient(arena);
  try {
    // Load without any trouble belongs to the picture.
    await pause(3_000);
    const since = performance.now();
    await arena.run(command, node);
    try {
      const goneMs = await leavesService(arena, SAMPLE, pod, since);
      const report = await load.report();
      tell(`${node} ${what}`, goneMs, report);
      assert.deepEqual(report.lost, []);
      assert.ok(outageMs(report) <= OUTAGE_MAX_MS, `errors for ${outageMs(report)} ms`);
    } finally {
      await arena.run(undo, node);
    }
  } finally {
    await load.stop();
  }
  return node;
}

const cut: Scenario<NodesArena> = {
  ...scenario(verifies('operator.cut-node'), async (arena: NodesArena) => {
    await loseNode(arena, 'cut', 'heal', 'cut off');
    await whole(arena);
  }),
  timeoutMs: 180_000,
};

/** A client within the pod that is cut off still reaches it: it must be told nothing once another pod may have the session. */
const fencing: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.self-fencing'), async (arena: NodesArena) => {
    await whole(arena);
    const { node, pod } = await victimOf(arena);
    const url = await arena.url(SAMPLE);
    const { session } = await withMembers(arena, SAMPLE, (members) =>
      openSessionOn(url, members, (owner) => owner === pod),
    );
    await moreCalls(session);
    const witness = await startClient(arena, {
      name: 'witness',
      where: { pod },
      url: `http://127.0.0.1:${GATEWAY_PORT}/mcp`,
      seconds: WITNESS_SECONDS,
      ids: [session.id],
    });
    await arena.run('cut', node);
    const cutAt = Date.now();
    let elsewhereAt = 0;
    try {
      const { records } = session.calls;
      const answered = (): number | undefined =>
        records.find(({ startedAt, outcome }) => startedAt > cutAt && outcome.kind !== 'failed')
          ?.endedAt;
      elsewhereAt = await eventually('the session to be served elsewhere', answered, 30_000);
      // Long enough for the witness to be told nothing, were it told something at times.
      await pause(SILENCE_MIN_MS);
    } finally {
      await arena.run('heal', node);
    }
    const { silence } = await witness.report();
    const servedMs = silence.from - cutAt;
    console.log(
      `${pod} cut off: it answered within the pod for ${servedMs} ms, another pod answered after ${elsewhereAt - cutAt} ms`,
    );
    assert.ok(silence.to - silence.from >= SILENCE_MIN_MS, 'it answered while it was cut off');
    assert.ok(servedMs > 0, 'the witness saw nothing of the cut');
    assert.ok(servedMs <= SERVES_ON_MAX_MS, 'longer than a lease');
    assert.ok(silence.from <= elsewhereAt, 'two pods answered for one session');
    await whole(arena);
    await moreCalls(session);
    await assertSurvived(session, cutAt);
  }),
  timeoutMs: 180_000,
};

const death: Scenario<NodesArena> = {
  ...scenario(verifies('nodes.kill-node'), async (arena: NodesArena) => {
    const node = await loseNode(arena, 'kill', 'start', 'killed');
    await arena.kubectl(`wait node ${node} --for=condition=Ready --timeout=60s`);
    await whole(arena, 90_000);
    await settled(arena, 3);
  }),
  timeoutMs: 240_000,
};

export const cutScenarios = [cut, fencing];
export const killScenarios = [death];
