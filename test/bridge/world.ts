/** Bridges in this process before real stdio servers, and what the tests know about their processes. */
import { createRequire } from 'node:module';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestContext } from 'node:test';
import { createBridge, type BridgeOptions } from '../../src/bridge/index.ts';
import { systemClock, systemRandom } from '../../src/host/index.ts';
import { createMetrics, silentLogger } from '../../src/telemetry/index.ts';

const require = createRequire(import.meta.url);

/** The entry of an npm package that is a stdio server. */
function entryOf(name: string): string {
  return join(dirname(require.resolve(`${name}/package.json`)), 'dist', 'index.js');
}

export const SERVERS = {
  everything: [process.execPath, entryOf('@modelcontextprotocol/server-everything'), 'stdio'],
  memory: [process.execPath, entryOf('@modelcontextprotocol/server-memory')],
  filesystem: (folder: string) => [
    process.execPath,
    entryOf('@modelcontextprotocol/server-filesystem'),
    folder,
  ],
} as const;

export interface TestBridge {
  readonly url: URL;
  readonly port: number;
  /** The processes of its sessions. */
  children(): readonly number[];
  stop(): Promise<void>;
}

/** Starts a bridge that ends with the test. */
export async function startBridge(
  t: TestContext,
  command: readonly string[],
  options: Partial<Pick<BridgeOptions, 'mode' | 'limits' | 'port'>> = {},
): Promise<TestBridge> {
  const before = new Set(childrenOfThisProcess());
  const bridge = createBridge({
    command: command as [string, ...string[]],
    mode: 'PerSession',
    limits: { childrenMax: 16, idleTimeoutMs: 3_600_000 },
    host: '127.0.0.1',
    port: 0,
    path: '/mcp',
    bodyBytesMax: 4 * 1024 * 1024,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics(),
    ...options,
  });
  const { port } = await bridge.start();
  t.after(() => bridge.stop());
  return {
    url: new URL(`http://127.0.0.1:${port}/mcp`),
    port,
    children: () => childrenOfThisProcess().filter((pid) => !before.has(pid)),
    stop: () => bridge.stop(),
  };
}

/** Processes whose parent this one is, by Linux's process table. */
function childrenOfThisProcess(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) /, 2);
        const [state, parent] = rest.split(' ');
        return Number(parent) === process.pid && state !== 'Z';
      } catch {
        return false;
      }
    });
}
