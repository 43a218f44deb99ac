/** Runs the public MCP conformance suite against a URL and reads its verdicts, check by check. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Verdict {
  readonly status: string;
  /** What the suite says of a failure. */
  readonly why?: string | undefined;
}

/** One check: `<scenario>/<id>#<n>`, n counting checks of one id in a scenario. */
export type Verdicts = ReadonlyMap<string, Verdict>;

const PACKAGE = '@modelcontextprotocol/conformance';
const TIMEOUT_MS = 120_000;

/** The verdict of every check of a requirement set; rejects when the suite itself did not run. */
export async function runSuite(url: string, requirements: string): Promise<Verdicts> {
  const output = await mkdtemp(join(tmpdir(), 'conformance-'));
  const program = join(
    createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`),
    '..',
    'dist',
    'index.js',
  );
  try {
    const child = spawn(
      process.execPath,
      [program, 'server', '--url', url, '--requirements', requirements, '-o', output],
      { stdio: ['ignore', 'pipe', 'ignore'], timeout: TIMEOUT_MS },
    );
    const printed: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => printed.push(chunk));
    await once(child, 'close');
    const verdicts = await readVerdicts(output);
    if (verdicts.size === 0) {
      throw new Error(
        `the suite ran no check:\n${Buffer.concat(printed).toString().slice(-2_000)}`,
      );
    }
    return verdicts;
  } finally {
    await rm(output, { recursive: true, force: true });
  }
}

async function readVerdicts(output: string): Promise<Verdicts> {
  const verdicts = new Map<string, Verdict>();
  for (const folder of (await readdir(output)).sort()) {
    const scenario = folder.replace(/^server-/, '').replace(/-\d{4}-\d\d-\d\dT[\d-]+Z$/, '');
    const content = await readFile(join(output, folder, 'checks.json'), 'utf8').catch(() => '[]');
    // A scenario that broke off wrote nothing.
    if (content === '[]') verdicts.set(`${scenario}/ran#1`, { status: 'BROKE_OFF' });
    const seen = new Map<string, number>();
    const checks = JSON.parse(content) as { id: string; status: string; errorMessage?: string }[];
    for (const { id, status, errorMessage } of checks) {
      const number = (seen.get(id) ?? 0) + 1;
      seen.set(id, number);
      verdicts.set(`${scenario}/${id}#${number}`, { status, why: errorMessage });
    }
  }
  return verdicts;
}

export interface Difference {
  readonly check: string;
  readonly direct: string;
  readonly cluster: string;
  readonly why: string | undefined;
}

/** Every check whose verdict is not the same on both sides; a missing one counts as `absent`. */
export function compareVerdicts(direct: Verdicts, cluster: Verdicts): Difference[] {
  const checks = [...new Set([...direct.keys(), ...cluster.keys()])].sort();
  return checks
    .map((check) => ({
      check,
      direct: direct.get(check)?.status ?? 'absent',
      cluster: cluster.get(check)?.status ?? 'absent',
      why: cluster.get(check)?.why,
    }))
    .filter((row) => row.direct !== row.cluster);
}

/** Number of checks with each verdict. */
export function countVerdicts(verdicts: Verdicts): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of verdicts.values()) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
