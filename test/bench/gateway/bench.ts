/** The gateway beside nginx and beside no proxy: what is measured, and the table that comes of it. */
import { mkdir } from 'node:fs/promises';
import { idleGate } from '../raft/processes.ts';
import { reached, table, type Row } from '../table.ts';
import { missingPrograms } from './cluster.ts';
import { hop } from './cluster-speed.ts';
import { idleStreams } from './idle.ts';
import { lookUp } from './lookup.ts';
import { newSessions } from './new-sessions.ts';
import type { GatewayBenchOptions, GatewayPart } from './parts.ts';
import { realServer, trivialServer } from './speed.ts';

export const GATEWAY_PARTS: Readonly<Record<string, GatewayPart>> = {
  real: realServer,
  trivial: trivialServer,
  hop,
  sessions: newSessions,
  idle: idleStreams,
  'look-up': lookUp,
};

/** Measures the parts named in `only` (default: all), prints the table, returns the values by name. */
export async function benchGateway(
  print: (line: string) => void,
  only: readonly string[] | undefined,
  options: GatewayBenchOptions,
): Promise<Record<string, number>> {
  const rows: Row[] = [];
  // Every part waits on its own; a machine that is never idle must not make it endless.
  idleGate.waitMs = Math.min(idleGate.waitMs, 2_000);
  if (options.profileDir !== undefined) await mkdir(options.profileDir, { recursive: true });
  for (const [name, part] of Object.entries(GATEWAY_PARTS)) {
    if (only !== undefined && !only.includes(name)) continue;
    const missing = await missingPrograms(part.needs);
    if (missing.length > 0) {
      print(`gateway/${name} is left out: ${missing.join(' and ')} is not installed`);
      continue;
    }
    print(`gateway/${name} …`);
    try {
      rows.push(...(await part.run(options, print)));
    } catch (error) {
      print(`gateway/${name} failed: ${(error as Error).stack}`);
      process.exitCode = 1;
    }
  }
  print('');
  for (const line of table(rows, 'peer')) print(line);
  print(
    `\n${rows.filter(reached).length} of ${rows.length} goals reached; ${idleGate.noisy} of ${idleGate.runs} measurements began on a busy machine`,
  );
  return Object.fromEntries(rows.map(({ name, value }) => [`gateway/${name}`, value]));
}
