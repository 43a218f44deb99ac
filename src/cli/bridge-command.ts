/** `bridge`: serves a stdio MCP server over Streamable HTTP until it is told to stop. */
import { copyFile, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createBridge } from '../bridge/index.ts';
import { onTerminationSignal, systemClock, systemRandom, UsageError } from '../host/index.ts';
import { parseDuration } from '../std/index.ts';
import { createLogger, createMetrics, type LogLevel } from '../telemetry/index.ts';

export interface BridgeFlags {
  readonly host: string;
  readonly port: string;
  readonly path: string;
  readonly mode: 'PerSession' | 'Shared';
  readonly maxChildren: string;
  readonly idleTimeout: string;
  readonly logLevel: LogLevel;
}

const BODY_BYTES_MAX = 256 * 1024 * 1024;

/** Runs the bridge in the foreground; the process exits with 0 after an orderly stop. */
export async function bridgeCommand(command: readonly string[], flags: BridgeFlags): Promise<void> {
  const [program, ...args] = command;
  if (program === undefined)
    throw new UsageError('say which server: bridge -- COMMAND [ARGUMENT…]');
  const logger = createLogger({ name: 'bridge', level: flags.logLevel });
  const bridge = createBridge({
    command: [program, ...args],
    mode: flags.mode,
    host: flags.host,
    port: whole('--port', flags.port, 0, 65_535),
    path: flags.path,
    bodyBytesMax: BODY_BYTES_MAX,
    limits: {
      childrenMax: whole('--max-children', flags.maxChildren, 1, 100_000),
      idleTimeoutMs: duration('--idle-timeout', flags.idleTimeout),
    },
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics: createMetrics({ processMetrics: true }),
  });
  const { port } = await bridge.start();
  logger.info('bridge listens', { host: flags.host, port, path: flags.path, server: program });
  await new Promise<void>((resolve) => {
    onTerminationSignal(() => resolve());
  });
  await bridge.stop();
  process.exit(0);
}

/** Copies this Node and this program to `folder`, as `node` and `mcp-cluster.mjs` with what belongs to it. */
export async function installBridge(folder: string): Promise<void> {
  const program = dirname(process.argv[1] ?? '');
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(program)) {
    if (name.endsWith('.mjs')) await copyFile(join(program, name), join(folder, name));
  }
  await copyFile(process.execPath, join(folder, 'node'));
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UsageError(`${flag} must be a whole number from ${least} to ${most}, not ${text}`);
}

function duration(flag: string, text: string): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0) return value;
  throw new UsageError(`${flag} must be a duration such as 30s or 8h, not ${text}`);
}
