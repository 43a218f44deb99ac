/**
 * Finds the process behind a port. Containers of a pod share the network, so the port's socket is seen in `/proc/net`; whose
 * it is, shows only where their processes are seen, too (`shareProcessNamespace`) and run as the same user.
 */
import { readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { readFileIfExists } from '../host/index.ts';

const LISTENING = '0A';

/** Undefined when nothing listens there, or whoever does is not to be seen. */
export async function listenerOf(port: number, proc: string): Promise<number | undefined> {
  const sockets = await listeningSockets(port, proc);
  if (sockets.size === 0) return undefined;
  for (const pid of await processes(proc)) {
    const folder = join(proc, String(pid), 'fd');
    // Processes of other users, and such as have just ended, keep their files to themselves.
    for (const fd of await readdir(folder).catch(() => []))
      if (sockets.has(await readlink(join(folder, fd)).catch(() => ''))) return pid;
  }
  return undefined;
}

/** The process and all that it started. */
export async function processTree(root: number, proc: string): Promise<readonly number[]> {
  const children = new Map<number, number[]>();
  for (const pid of await processes(proc)) {
    const stat = await readStat(pid, proc);
    if (stat === undefined) continue;
    const siblings = children.get(stat.parent);
    if (siblings === undefined) children.set(stat.parent, [pid]);
    else siblings.push(pid);
  }
  const tree = [root];
  // The list grows while it is walked.
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

export interface ProcessStat {
  readonly parent: number;
  /** Processor time of its own, in clock ticks: 100 a second on every Linux that Node runs on. */
  readonly ticks: number;
  /** When it was started, in ticks since boot: another one means another process under the same number. */
  readonly startedAt: number;
}

/** Undefined when there is no such process. */
export async function readStat(pid: number, proc: string): Promise<ProcessStat | undefined> {
  const stat = await readIfReadable(join(proc, String(pid), 'stat'));
  // The name is in brackets and may itself hold brackets and blanks.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  if (fields.length < 20) return undefined;
  const [parent, userTicks, systemTicks, startedAt] = [1, 11, 12, 19].map((i) => Number(fields[i]));
  if (parent === undefined || startedAt === undefined) return undefined;
  return { parent, ticks: (userTicks ?? 0) + (systemTicks ?? 0), startedAt };
}

/** The file's text; undefined when it is not there, or not for us. */
export async function readIfReadable(path: string): Promise<string | undefined> {
  return readFileIfExists(path).catch(() => undefined);
}

async function processes(proc: string): Promise<number[]> {
  const names = await readdir(proc).catch(() => []);
  return names.filter((name) => /^\d+$/.test(name)).map(Number);
}

/** What links to the port's sockets look like. */
async function listeningSockets(port: number, proc: string): Promise<ReadonlySet<string>> {
  const sockets = new Set<string>();
  const hexPort = port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['tcp', 'tcp6']) {
    const text = (await readIfReadable(join(proc, 'net', table))) ?? '';
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && local?.endsWith(`:${hexPort}`) === true)
        sockets.add(`socket:[${inode}]`);
    }
  }
  return sockets;
}
