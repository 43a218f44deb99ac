/**
 * `report`: a folder of plain files for whoever helps with a cluster. Each part is read by itself: what cannot be read is said
 * in the report instead of ending it. It is bounded, however much there is to read.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { systemClock, UsageError } from '../../host/index.ts';
import { createProgress } from '../progress.ts';
import { redactText } from '../core/redact.ts';
import { partsOf, type Part, type ReportFlags } from './report-parts.ts';
import { findCluster, type Session } from './session.ts';

/** Parts that are read at once: a node that does not answer keeps one of them waiting. */
const AT_ONCE_MAX = 4;
const LIMITS: Limits = { partCharactersMax: 16 * 2 ** 20, reportCharactersMax: 128 * 2 ** 20 };

export interface Limits {
  /** A file is cut at its end. */
  readonly partCharactersMax: number;
  /** Parts that would be begun after as much are left out and named. */
  readonly reportCharactersMax: number;
}

/** Writes the report and says where it is; nothing of it was sent anywhere. */
export async function report(session: Session, name: string, flags: ReportFlags): Promise<void> {
  const cluster = await findCluster(session, name);
  const at = new Date(systemClock.wall()).toISOString().replace(/[:.]/g, '-');
  const folder = flags.out ?? `mcp-report-${session.namespace}-${name}-${at}`;
  await makeFolder(folder);
  const missing: string[] = [];
  const parts = await partsOf(session, cluster, { ...flags, missing });
  await watched(name, (progress) => writeParts(folder, parts, { missing, progress }));
  missing.sort();
  await writeFile(join(folder, 'README.txt'), readme(name, missing, flags), { mode: 0o600 });
  session.print(`${folder}: read it before you give it away; tar -czf ${folder}.tar.gz ${folder}`);
  for (const line of missing) session.print(`  not in it: ${line}`);
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { mode: 0o700 }).catch(({ code, message }: NodeJS.ErrnoException) => {
    const why =
      code === 'EEXIST'
        ? 'is there already: name another folder, or remove it'
        : `cannot be made (${message}): name another folder`;
    throw new UsageError(`--out ${folder}: ${why}`);
  });
}

/** On a terminal a line says what is read; a program that reads our output is not told. */
async function watched(
  name: string,
  work: (progress: (text: string) => void) => Promise<void>,
): Promise<void> {
  const { stderr } = process;
  if (!stderr.isTTY) return work(() => undefined);
  await createProgress(systemClock, stderr).wait(`report of ${name}`, work);
}

/** Reads each part and writes it to its file below `folder`; what is not in the report is added to `missing`, with why. */
export async function writeParts(
  folder: string,
  parts: readonly Part[],
  to: {
    readonly missing: string[];
    readonly progress: (text: string) => void;
    readonly limits?: Limits;
  },
): Promise<void> {
  const { partCharactersMax, reportCharactersMax } = to.limits ?? LIMITS;
  let written = 0;
  let begun = 0;
  const queue = parts.values();
  const work = async (): Promise<void> => {
    for (const { path, read } of queue) {
      to.progress(`${(begun += 1)} of ${parts.length}, ${path}`);
      if (written >= reportCharactersMax) {
        to.missing.push(`${path}: the report is large enough; read less of each log with --tail`);
        continue;
      }
      const text = await read().catch((error: Error) => {
        to.missing.push(`${path}: ${redactText(error.message)}`);
        return undefined;
      });
      if (text === undefined) continue;
      const shown = cut(text, partCharactersMax);
      written += shown.length;
      const file = join(folder, path);
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, shown, { mode: 0o600 });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE_MAX }, work));
}

function cut(text: string, charactersMax: number): string {
  if (text.length > charactersMax) {
    return `${text.slice(0, charactersMax)}\n[cut here: ${text.length} characters]\n`;
  }
  return text.endsWith('\n') ? text : `${text}\n`;
}

function readme(name: string, missing: readonly string[], flags: ReportFlags): string {
  return [
    `The McpCluster ${name} at ${new Date(systemClock.wall()).toISOString()}.`,
    'Data of Secrets, values of variables, arguments of servers, annotations of strangers, tokens, principals, addresses of e-mail',
    'and the ids of sessions but for their first characters have been taken out.',
    flags.includeServerLogs === true
      ? 'The logs of the MCP servers are in it, which may hold anything: --include-server-logs was given.'
      : 'The logs of the MCP servers are not in it (--include-server-logs).',
    ...(missing.length === 0 ? [] : ['', 'What could not be read:', ...missing]),
    '',
  ].join('\n');
}
