/**
 * The clients of a soak in a process of their own: opens the sessions, says so, works until the time is over, and leaves a
 * {@link ClientLog} in a file.   node worker.ts CLIENT URL SESSIONS SECONDS THINK SEED OUT
 */
import { writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { seededRandom, type Random } from '../../src/std/index.ts';
import { KINDS, REPEATABLE_MARK, type CallRecord, type KindName } from './kinds.ts';
import { watchLoop } from './machine.ts';
import type { OpenSession, SoakSession } from './session.ts';
import { openTs1 } from './ts1.ts';
import { openTs2 } from './ts2.ts';

const CLIENTS: Readonly<Record<string, OpenSession>> = {
  ts1: openTs1,
  ts2: openTs2('legacy'),
  'ts2-modern': openTs2('modern'),
};
/** Sessions opened at the same time. */
const OPENING_MAX = 8;

interface Opened {
  readonly session: SoakSession;
  readonly number: number;
  readonly id: string | undefined;
}

const calls: CallRecord[] = [];
const recorded: string[] = [];
const errors: string[] = [];

async function openAll(open: OpenSession, url: URL, count: number): Promise<Opened[]> {
  const opened: Opened[] = [];
  let next = 0;
  const opener = async (): Promise<void> => {
    for (let number = next++; number < count; number = next++) {
      try {
        const session = await open(url, number);
        opened.push({ session, number, id: session.id() });
      } catch (error) {
        errors.push(`session ${number} did not open: ${String(error)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: OPENING_MAX }, opener));
  return opened;
}

function pickKind(random: Random): KindName {
  const total = KINDS.reduce((sum, { weight }) => sum + weight, 0);
  let left = random.next() * total;
  for (const { name, weight } of KINDS) {
    left -= weight;
    if (left < 0) return name;
  }
  return 'echo';
}

interface Work {
  readonly seed: number;
  /** Mean pause of a session between two calls. */
  readonly thinkMs: number;
  readonly deadline: number;
}

async function work({ session, number }: Opened, { seed, thinkMs, deadline }: Work): Promise<void> {
  const random = seededRandom(seed * 100_003 + number);
  for (let turn = 0; ; turn++) {
    await pause(-Math.log(1 - random.next()) * thinkMs);
    if (Date.now() > deadline) return;
    const kind = pickKind(random);
    const mark = `${kind === 'progress' ? REPEATABLE_MARK : ''}${number}.${turn}`;
    const startedAt = Date.now();
    const began = performance.now();
    let error: string | null = null;
    try {
      await session.call(kind, mark);
      if (kind === 'record' || kind === 'lasting record') recorded.push(mark);
    } catch (thrown) {
      const { code, message } = thrown as { code?: unknown; message?: string };
      const cause = (thrown as { cause?: { code?: string } }).cause?.code;
      error = [code, message, cause].filter((part) => part !== undefined).join(' ');
    }
    const tookMs = Math.round(performance.now() - began);
    calls.push([
      KINDS.findIndex(({ name }) => name === kind),
      number,
      startedAt,
      tookMs,
      error,
      mark,
    ]);
  }
}

/** True when a session answers one more call. */
async function isAlive({ session, number }: Opened): Promise<boolean> {
  try {
    await session.call('echo', `last of ${number}`);
    return true;
  } catch (error) {
    errors.push(`session ${number} is lost: ${String(error)}`);
    return false;
  }
}

const [client = '', url = '', sessions = '', seconds = '', think = '', seed = '', out = ''] =
  process.argv.slice(2);
const open = CLIENTS[client];
if (open === undefined) throw new Error(`no client ${client}`);
const opened = await openAll(open, new URL(url), Number(sessions));
console.log('opened');
const deadline = Date.now() + Number(seconds) * 1_000;
const tellLoop = watchLoop();
const given = { seed: Number(seed), thinkMs: Number(think), deadline };
await Promise.all(opened.map((each) => work(each, given)));
const loopDelay = tellLoop();
const last = await Promise.all(opened.map(isAlive));
const alive = opened
  .filter(({ session, id }, index) => last[index] === true && session.id() === id)
  .map(({ number }) => number);
const ids = Array.from(
  { length: Number(sessions) },
  (_, number) => opened.find((each) => each.number === number)?.id ?? null,
);
await writeFile(
  out,
  JSON.stringify({ opened: opened.length, alive, ids, calls, recorded, loopDelay, errors }),
);
// Clients hold streams open; what they would still say does not matter.
process.exit(0);
