/** Plays seeds on both sides and finds the first event after which they look different. */
import { hashOf } from './describe.ts';
import type { Run } from './events.ts';
import type { CoreFactory } from './member.ts';
import type { Oracle, OracleAnswer } from './oracle.ts';
import { playSeed } from './schedule.ts';

export interface Difference {
  readonly seed: number;
  /** Index of the event. */
  readonly step: number;
  readonly ours: string;
  readonly theirs: string;
  readonly report: string;
}

/** Events shown before the one that told the sides apart. */
const EVENTS_SHOWN = 30;
/** Runs that are played here while the other side is busy with earlier ones. */
const AHEAD_MAX = 16;

/** What was played, to see that the schedules are worth something. */
export interface Totals {
  seeds: number;
  events: number;
  compared: number;
  /** Kinds of things that happened. */
  readonly seen: Set<string>;
}

/** Compares `count` seeds from `first` on, and stops at the first difference. */
export async function compareSeeds(
  oracle: Oracle,
  {
    first,
    count,
    length,
  }: { readonly first: number; readonly count: number; readonly length: number },
  createCore: CoreFactory,
): Promise<{ readonly totals: Totals; readonly difference?: Difference }> {
  const totals: Totals = { seeds: 0, events: 0, compared: 0, seen: new Set() };
  const pending: { readonly run: Run; readonly answer: Promise<OracleAnswer> }[] = [];
  for (let seed = first; seed < first + count || pending.length > 0; seed++) {
    if (seed < first + count) {
      const run = playSeed(seed, length, createCore);
      pending.push({ run, answer: oracle.ask(run, 'hashes') });
      if (pending.length < AHEAD_MAX) continue;
    }
    const { run, answer } = pending.shift() as (typeof pending)[number];
    const step = firstDifference(run, await answer);
    if (step !== undefined) {
      await Promise.all(pending.map((one) => one.answer));
      return { totals, difference: await explain(oracle, run, step) };
    }
    totals.seeds += 1;
    totals.events += run.events.length;
    for (const kind of run.seen) totals.seen.add(kind);
    totals.compared += run.events.filter(({ op }) => op === 'compare').length;
  }
  return { totals };
}

function firstDifference({ texts, failure }: Run, { hashes = [], panic }: OracleAnswer) {
  const step = texts.findIndex((text, i) => hashes[i] !== hashOf(text));
  if (step >= 0) return step;
  return failure === undefined && panic === undefined ? undefined : texts.length;
}

async function explain(oracle: Oracle, run: Run, step: number): Promise<Difference> {
  const answer = await oracle.ask(run, 'texts');
  const ours = run.texts[step] ?? run.failure ?? 'nothing';
  const theirs = answer.texts?.[step] ?? answer.panic ?? 'nothing';
  const from = Math.max(0, step - EVENTS_SHOWN + 1);
  const events = run.events.slice(from, step + 1).map((event, i) => `${from + i} ${line(event)}`);
  const setup = {
    ...run,
    events: undefined,
    texts: undefined,
    failure: undefined,
    seen: undefined,
  };
  const report = [
    `seed ${run.seed}, event ${step}: the two sides differ`,
    `setup: ${JSON.stringify(setup)}`,
    `the last events:\n${events.join('\n')}`,
    `before, for ours:\n${before(run, step)}`,
    `ours:\n${ours}`,
    `etcd’s:\n${theirs}`,
    `replay: node bin/run.mjs test/oracle/main.ts --seed ${run.seed}`,
  ].join('\n');
  return { seed: run.seed, step, ours, theirs, report };
}

/** The last that was seen of the member to which the event happened. */
function before(run: Run, step: number): string {
  const id = run.texts[step]?.split(' ', 1)[0];
  const earlier = run.texts.slice(0, step).findLast((text) => text.startsWith(`${id} `));
  return earlier ?? 'not seen yet';
}

function line({ op, ...rest }: Run['events'][number]): string {
  return `${op} ${Object.entries(rest)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ')}`;
}
