/** Bridges behind gateways: the sessions of real stdio servers, Python's among them, outlive processes, bridges and pods. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test, type TestContext } from 'node:test';
import { connect, echo } from '../gateway/client.ts';
import { startWorld, type World } from '../gateway/world.ts';
import { verifies } from '../requirements.ts';
import { SERVERS, startBridge, type TestBridge } from './world.ts';

const PYTHON_SERVER = 'mcp-server-time==2026.10.19';
const INSTALL_MS = 240_000;

const worlds: World[] = [];
after(() => Promise.all(worlds.map((world) => world.stop())));

async function startPods(
  t: TestContext,
  command: readonly string[],
): Promise<{ readonly world: World; readonly bridges: readonly TestBridge[] }> {
  const bridges = [await startBridge(t, command), await startBridge(t, command)];
  const world = await startWorld({ backends: bridges.map(({ port }) => port) });
  worlds.push(world);
  return { world, bridges };
}

test(verifies('bridge.session-outlives-its-process'), async (t) => {
  const { world, bridges } = await startPods(t, SERVERS.everything);
  const { client, sessionId } = await connect(world.pod(0).url);
  assert.equal(await echo(client, 'one'), 'Echo: one');
  const owner = await world.ownerOf(sessionId);
  const bridge = bridges[Number(owner.node.slice(-1))] as TestBridge;

  for (const child of bridge.children()) process.kill(child, 'SIGKILL');
  // What may be asked twice is answered at once, wherever it was when the process died.
  assert.ok((await client.listTools()).tools.length > 0);
  assert.equal(await echo(client, 'two'), 'Echo: two', 'a new process, initialized as the first');

  const next = await world.ownerOf(sessionId);
  await (bridges[Number(next.node.slice(-1))] as TestBridge).stop();
  assert.equal(await echo(client, 'three'), 'Echo: three', 'the bridge of the other pod');
  await client.close();
});

/** A Python that has a server from PyPI, in a virtual environment that is kept; or why there is none. */
function pythonWithServer(): { readonly python: string } | { readonly missing: string } {
  const folder = join(tmpdir(), 'mcp-cluster-python', PYTHON_SERVER.replaceAll(/\W+/g, '-'));
  const python = join(folder, 'bin', 'python3');
  if (existsSync(python)) return { python };
  mkdirSync(join(folder, '..'), { recursive: true });
  const unfinished = mkdtempSync(`${folder}-`);
  const run = (command: string, ...args: string[]): void => {
    execFileSync(command, args, { stdio: 'ignore', timeout: INSTALL_MS });
  };
  try {
    run('python3', '-m', 'venv', unfinished);
    run(join(unfinished, 'bin', 'pip'), 'install', '--disable-pip-version-check', PYTHON_SERVER);
    renameSync(unfinished, folder);
    return { python };
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    return { missing: `no Python, or no PyPI: ${(error as Error).message.split('\n', 1)[0]}` };
  }
}

test('a Python server behind gateways keeps its session when its process dies', async (t) => {
  const found = pythonWithServer();
  if ('missing' in found) return t.skip(found.missing);
  const { world, bridges } = await startPods(t, [found.python, '-m', 'mcp_server_time']);
  const { client } = await connect(world.pod(1).url);
  const now = async (): Promise<string> => {
    const result = await client.callTool({
      name: 'get_current_time',
      arguments: { timezone: 'Europe/Vienna' },
    });
    return JSON.stringify(result.content);
  };
  assert.match(await now(), /Europe\/Vienna/);
  for (const child of bridges.flatMap((bridge) => bridge.children())) {
    process.kill(child, 'SIGKILL');
  }
  assert.deepEqual((await client.listTools()).tools.map(({ name }) => name).toSorted(), [
    'convert_time',
    'get_current_time',
  ]);
  assert.match(await now(), /Europe\/Vienna/);
  await client.close();
});
