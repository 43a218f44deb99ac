/** `demo`: an unmodified MCP server keeps a client's session through the death of the pod that owned it. */
import {
  createLifecycle,
  onTerminationSignal,
  systemClock,
  systemRandom,
  type Lifecycle,
} from '../host/index.ts';
import { twinOf } from '../devcluster/index.ts';
import { startCallLoop, summarize } from './demo/calls.ts';
import { awaitMove, chooseVictim, ownerOf, tellStory, watchFacts } from './demo/kill.ts';
import { demoResult, promiseHeld, renderReport, type DemoObservations } from './demo/report.ts';
import {
  applyAndAwait,
  endpointUrl,
  NAMESPACE,
  readSample,
  startLaptop,
  type Laptop,
} from './laptop.ts';
import { connectEcho } from './mcp-client.ts';
import { connectMembers, type ClusterMembers } from './members.ts';
import { poll } from './poll.ts';
import { createProgress, type Progress } from './progress.ts';

export interface DemoOptions {
  readonly json?: boolean;
  readonly kill: 'owner' | 'leader';
  readonly backend: 'embedded' | 'kubebuilder';
}

const SAMPLE = 'everything.yaml';
/** Calls made before the kill, and after the move, before the books are closed. */
const CALLS_BEFORE = 20;
const CALLS_AFTER = 40;
const MOVE_TIMEOUT_MS = 15_000;

/** Runs the demo; exits with 0 only if the promise held. */
export async function demoCommand(options: DemoOptions): Promise<void> {
  const started = systemClock.monotonic();
  const lifecycle = createLifecycle();
  const output = options.json === true ? process.stderr : process.stdout;
  const progress = createProgress(systemClock, output);
  onTerminationSignal((signal) => {
    progress.say(`\n${signal}: stopping everything …`);
    void lifecycle.stop().then(() => process.exit(130));
  });
  let exitCode = 1;
  try {
    const seen = await runDemo(options, lifecycle, progress, started);
    for (const line of renderReport(seen)) progress.say(line);
    exitCode = promiseHeld(demoResult(seen)) ? 0 : 1;
    await progress.wait('everything to stop', () => lifecycle.stop());
    if (options.json === true) process.stdout.write(`${JSON.stringify(demoResult(seen))}\n`);
  } finally {
    await lifecycle.stop();
  }
  process.exit(exitCode);
}

async function runDemo(
  options: DemoOptions,
  lifecycle: Lifecycle,
  progress: Progress,
  started: number,
): Promise<DemoObservations> {
  const laptop = await startLaptop({ backend: options.backend, progress, lifecycle });
  const resource = await applyAndAwait(laptop, await readSample(laptop, SAMPLE), progress);
  const { name } = resource.metadata;
  const members = await openMembers(laptop, name, resource.spec.replicas);
  lifecycle.add('admin connections', () => members.close());
  const url = await endpointUrl(laptop, resource);

  const victim = await progress.wait(`official MCP client: a session at ${url}`, () =>
    chooseVictim(() => connectEcho(url), members, options.kill),
  );
  const { client, sessionId } = victim;
  const tools = await client.toolNames();
  progress.say(
    `  session ${sessionId}, owner ${victim.owner}, Raft leader ${victim.leader}, ${tools.length} tools`,
  );

  const facts = await watchFacts(members);
  const loop = startCallLoop((number) => client.echo(`call ${number}`), systemClock);
  const answered = (): number => loop.records.length;
  await progress.wait(`${CALLS_BEFORE} calls of echo`, () =>
    until(() => answered() >= CALLS_BEFORE),
  );
  const killedAt = systemClock.wall();
  laptop.cluster.killPod(NAMESPACE, victim.owner);
  progress.say(`✗ every process of ${victim.owner} killed (SIGKILL)`);
  const moved = await progress.wait('the session to move', () =>
    awaitMove(facts, sessionId, killedAt, systemClock, MOVE_TIMEOUT_MS),
  );
  const atMove = answered();
  await progress.wait(`${CALLS_AFTER} more calls`, () =>
    until(() => answered() >= atMove + CALLS_AFTER),
  );
  await loop.stop();

  const calls = summarize(loop.records, killedAt, moved.at);
  const after = { sessionId: client.sessionId() ?? '', owner: await ownerOf(members, sessionId) };
  await client.close();
  return {
    sessionId: { before: sessionId, after: after.sessionId },
    owner: { before: victim.owner, after: after.owner },
    leaderKilled: victim.owner === victim.leader,
    calls,
    killedAt,
    timeline: tellStory(facts, victim, killedAt, calls.firstAnswerAfterKill),
    seconds: (systemClock.monotonic() - started) / 1000,
  };
}

function openMembers(laptop: Laptop, name: string, replicas: number): Promise<ClusterMembers> {
  return connectMembers({
    client: laptop.client,
    namespace: NAMESPACE,
    name,
    pods: Array.from({ length: replicas }, (_, ordinal) => `${name}-${ordinal}`),
    addressOf: twinOf,
    clock: systemClock,
    random: systemRandom,
  });
}

/** Waits until `condition` holds. */
async function until(condition: () => boolean): Promise<void> {
  await poll(systemClock, () => condition() || undefined);
}
