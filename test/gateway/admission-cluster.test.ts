/** Rate limits of three real gateways, which tell each other over their own port what they admitted. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_POLICIES, type RateLimitPolicy } from '../../src/gateway/policies.ts';
import { seededRandom } from '../../src/std/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { openRaw, post } from './client.ts';
import { startStub, type StubServer } from './stub-server.ts';
import { startWorld, type World } from './world.ts';

const PER_SECOND = 40;
const LIMIT: RateLimitPolicy = {
  name: 'calls',
  match: { methods: ['tools/list'] },
  per: 'All',
  requests: PER_SECOND * 10,
  intervalMs: 10_000,
  // What comes in while a busy machine lets nobody run for a moment must not be lost.
  burst: 2 * PER_SECOND,
};

let server: StubServer;
let world: World;

before(async () => {
  server = await startStub();
});
afterEach(() => world.stop());
after(() => server.stop());

async function start(): Promise<World> {
  const port = server.port;
  world = await startWorld({
    backends: [port, port, port],
    config: { policies: { ...DEFAULT_POLICIES, rateLimits: [LIMIT] } },
  });
  // As soon as everybody has heard everybody the shares are what they shall be.
  for (const index of [0, 1, 2]) {
    await eventually('pods exchange', async () => {
      const text = await world.pod(index).metrics.exposition();
      return /rate_exchanges_total\{outcome="answered"\} ([4-9]|\d\d)/.test(text);
    });
  }
  return world;
}

interface Load {
  readonly headers: Readonly<Record<string, string>>;
  readonly durationMs: number;
  /** Which pod the next request goes to. */
  readonly pod: () => number;
}

/** Three times the limit for a while; how many were admitted, and what the limit would have been for that time. */
async function offer({ headers, durationMs, pod }: Load): Promise<{
  readonly admitted: number;
  readonly asked: number;
  /** How long requests were sent, and until the last was answered. */
  readonly seconds: number;
  readonly untilAnswered: number;
}> {
  const begun = performance.now();
  const answers: Promise<number>[] = [];
  while (performance.now() - begun < durationMs) {
    const due = ((performance.now() - begun) / 1_000) * 3 * PER_SECOND;
    while (answers.length < due) {
      const id = answers.length + 1;
      const message = { jsonrpc: '2.0', id, method: 'tools/list' };
      answers.push(post(world.pod(pod()).url, message, headers).then(({ status }) => status));
    }
    await pause(5);
  }
  const seconds = (performance.now() - begun) / 1_000;
  const statuses = await Promise.all(answers);
  const untilAnswered = (performance.now() - begun) / 1_000;
  assert.ok(statuses.every((status) => status === 200 || status === 429));
  const admitted = statuses.filter((status) => status === 200).length;
  return { admitted, asked: statuses.length, seconds, untilAnswered };
}

/** After the bucket was emptied; what a pause of the machine fills it with again is allowed for. */
function assertLimited(load: Awaited<ReturnType<typeof offer>>, what: string): void {
  const { admitted, asked, seconds, untilAnswered } = load;
  const found = `${what}: ${admitted} of ${asked} in ${seconds.toFixed(2)} (${untilAnswered.toFixed(2)}) s`;
  assert.ok(admitted <= 1.1 * PER_SECOND * untilAnswered + LIMIT.burst / 2, found);
  assert.ok(admitted >= 0.9 * PER_SECOND * seconds, found);
}

test(verifies('admission.rate-three-gateways'), async () => {
  await start();
  const headers = await openRaw(world.pod(0).url);
  const random = seededRandom(7);
  const sprayed = (): number => Math.floor(random.next() * 3);
  await offer({ headers, durationMs: 1_200, pod: sprayed });
  assertLimited(await offer({ headers, durationMs: 3_000, pod: sprayed }), 'sprayed');
  let turn = 0;
  const skewed = (): number => ((turn += 1) % 10 === 0 ? 1 : 2);
  assertLimited(await offer({ headers, durationMs: 3_000, pod: skewed }), 'nearly all at one pod');
});

test(verifies('admission.rate-dead-gateway'), async () => {
  await start();
  const headers = await openRaw(world.pod(0).url);
  const owner = await world.ownerOf(headers['mcp-session-id']);
  const [dying, living] = [1, 2, 0].filter((index) => world.pod(index) !== owner);
  const random = seededRandom(8);
  await offer({ headers, durationMs: 1_500, pod: () => Math.floor(random.next() * 3) });
  await world.pod(dying ?? 1).kill();
  world.pod(dying ?? 1).belief.state = 'gone';
  world.announce();
  const alive = [living ?? 2, [0, 1, 2].findIndex((index) => world.pod(index) === owner)];
  let turn = 0;
  const pod = (): number => alive[(turn += 1) % 2] ?? 0;
  assertLimited(await offer({ headers, durationMs: 4_000, pod }), 'after a death');
});
