/** Servers that do not work: the condition says so with the last line of their log, an event too, and others go on. */
import assert from 'node:assert/strict';
import type { Condition } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import type { Arena } from '../arena.ts';
import { mcpCluster, NAMESPACE, scriptServer } from '../manifests.ts';
import { scenario, sideBySide, type Scenario } from '../scenario.ts';
import { assertSurvived, moreCalls, openBusySession } from '../sessions.ts';

interface BrokenServer {
  readonly name: string;
  readonly what: string;
  readonly script: string;
  /** What the condition's message holds. */
  readonly message: RegExp;
}

const BROKEN: readonly BrokenServer[] = [
  {
    name: 'exits',
    what: 'exits at once',
    script: "console.error('config.json: no such file'); process.exit(3)",
    message: /exits-0: .*code 3.*config\.json: no such file/,
  },
  {
    name: 'silent',
    what: 'never answers',
    script:
      "require('node:net').createServer(() => {}).listen(3001, () => console.log('thinking about it'))",
    message: /silent-0: .*thinking about it/,
  },
  {
    name: 'stranger',
    what: 'speaks another protocol',
    script:
      "require('node:net').createServer((s) => s.end('220 mail ready\\r\\n')).listen(3001, () => console.log('mail service up'))",
    message: /stranger-0: .*mail service up/,
  },
];

const broken: readonly Scenario[] = BROKEN.map(({ name, what, script, message }) => ({
  ...scenario(
    `a server that ${what}: Degraded with its last log line, and an event`,
    async (arena) => {
      const spec = { server: scriptServer(script), replicas: 1 };
      await arena.apply(mcpCluster(name, spec));
      try {
        const degraded = await degradedBecause(arena, name, message);
        assert.match(degraded.reason, /^Server(Crashing|NotAnswering)$/);
        const { status } = await arena.get(name);
        const available = status?.conditions?.find(({ type }) => type === 'Available');
        assert.equal(available?.status, 'False');
        await eventually('its warning event', () => hasWarning(arena, name, degraded.reason));
      } finally {
        await arena.remove(name);
      }
    },
  ),
}));

/** The condition Degraded once it is true with a message that matches; a silent server is given 30 s to start. */
async function degradedBecause(arena: Arena, name: string, message: RegExp): Promise<Condition> {
  let last: Condition | undefined;
  const probe = async (): Promise<Condition | false> => {
    const { status } = await arena.get(name);
    last = status?.conditions?.find(({ type }) => type === 'Degraded');
    return last?.status === 'True' && message.test(last.message) && last;
  };
  return eventually(`Degraded of ${name}`, probe, 60_000).catch((error: unknown) => {
    throw new Error(`${String(error)}; it says ${JSON.stringify(last)}`);
  });
}

async function hasWarning({ client }: Arena, name: string, reason: string): Promise<boolean> {
  const { items } = await client.list(RESOURCES.events, { namespace: NAMESPACE });
  return items.some(
    (event) =>
      event['type'] === 'Warning' &&
      event['reason'] === reason &&
      (event['regarding'] as { name?: string }).name === name,
  );
}

const oneOfThree = scenario(
  'one broken server of three: Degraded names its pod, the others serve',
  async (arena) => {
    const name = 'partly';
    const script =
      "if (process.env.POD === 'partly-2') { console.error('disk on fire'); process.exit(1) }" +
      "process.argv.push('index.js', 'streamableHttp'); import(process.cwd() + '/dist/index.js')";
    await arena.apply(mcpCluster(name, { server: scriptServer(script), replicas: 3 }));
    try {
      await arena.condition(name, 'Available');
      await degradedBecause(arena, name, /partly-2: .*disk on fire/);
      const session = await openBusySession(await arena.url(name));
      await moreCalls(session, 50);
      await assertSurvived(session, Infinity);
    } finally {
      await arena.remove(name);
    }
  },
);

export const degradedScenarios = [...sideBySide(broken), oneOfThree];
