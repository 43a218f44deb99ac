/** Programs of this machine: where they are, and free ports for them to listen on. */
import { accessSync, constants } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { delimiter, join } from 'node:path';
import { integerBetween } from '../std/index.ts';
import { systemRandom } from './clock.ts';
import { closeServer, listen } from './server.ts';

/** Path of the program `name` in one of `folders`, else in `$PATH`; undefined when there is none. */
export function findProgram(
  name: string,
  folders: readonly (string | undefined)[] = [],
): string | undefined {
  return [...folders, ...(process.env['PATH'] ?? '').split(delimiter)]
    .filter((folder): folder is string => folder !== undefined && folder !== '')
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Below the ports that systems give to clients and to whoever asks for any (Linux from 32768, RFC 6335 from 49152). */
const PORTS = { min: 10_000, max: 32_767 } as const;

/**
 * `count` different ports of 127.0.0.1 that were free a moment ago, for programs that cannot tell which port they got. All
 * are held at once, so that they differ. No connection and no `listen` on any port takes them meanwhile; only somebody who
 * draws the same one may be faster.
 */
export async function freePorts(count: number): Promise<number[]> {
  const held = await Promise.all(Array.from({ length: count }, holdPort));
  await Promise.all(held.map(({ server }) => closeServer(server, () => undefined)));
  return held.map(({ port }) => port);
}

async function holdPort(): Promise<{ readonly server: Server; readonly port: number }> {
  for (;;) {
    const server = createServer();
    const port = integerBetween(systemRandom, PORTS.min, PORTS.max);
    try {
      await listen(server, { host: '127.0.0.1', port });
      return { server, port };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}
