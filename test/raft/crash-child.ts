/**
 * A process that ends itself at a named point: `crash-child.ts storage|member FOLDER POINT OCCURRENCE`. What it acknowledges
 * goes to stdout, one line each, before anything else happens. POINT `none` lives to the end and prints how often each was
 * passed.
 */
import { writeSync } from 'node:fs';
import { filesWithPoints } from './crash-points.ts';
import { openDisk } from './disk.ts';
import { Ledger, live } from './workload.ts';

const [kind, folder = '', point, occurrence] = process.argv.slice(2);
const passed: Record<string, number> = {};

const say = (line: string): void => void writeSync(1, `${line}\n`);

function reached(name: string): void {
  passed[name] = (passed[name] ?? 0) + 1;
  if (name === point && passed[name] === Number(occurrence)) process.kill(process.pid, 'SIGKILL');
}

/** The life that the model knows, on a real disk. */
async function storage(): Promise<void> {
  const disk = await openDisk(filesWithPoints(folder, reached));
  await live(disk, new Ledger(say));
  await disk.close();
}

/** Loaded only for it: most lives need no network. */
async function member(): Promise<void> {
  const { liveAsMember } = await import('./crash-member.ts');
  await liveAsMember({ folder, name: `${point}/${occurrence}`, reached, say });
}

await (kind === 'member' ? member() : storage());
say(`passed ${JSON.stringify(passed)}`);
