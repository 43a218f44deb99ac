/** Programs of this machine: where they are, and free ports for them to listen on. */
import { accessSync, constants } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
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

/**
 * `count` different ports of 127.0.0.1 that were free a moment ago, for programs that cannot tell which port they got. All
 * are held at once, so that they differ; somebody else may still be faster.
 */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const addresses = await Promise.all(
    servers.map((server) => listen(server, { host: '127.0.0.1', port: 0 })),
  );
  await Promise.all(servers.map((server) => closeServer(server, () => undefined)));
  return addresses.map(({ port }) => port);
}
