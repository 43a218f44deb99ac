/** Plays the commands of a scenario, one after the other. */
import assert from 'node:assert/strict';
import type { Message } from '../../src/raft/core/index.ts';
import { valueOf, type Case } from './datadriven.ts';
import { Environment } from './environment.ts';
import type { Scene, Verb } from './verbs.ts';

export interface Played {
  readonly given: Case;
  readonly actual: string;
}

export interface PlayOptions {
  readonly verbs: Readonly<Record<string, Verb>>;
  /** Types of messages that never arrive. */
  readonly lost: readonly Message['type'][];
}

/** What came of each of `cases`. */
export function play(cases: readonly Case[], { verbs, lost }: PlayOptions): Played[] {
  const scene: Scene = { env: new Environment(lost), electionTicks: electionTicks(cases) };
  const played: Played[] = [];
  let silent = false;
  for (const given of cases) {
    const { command, args } = given;
    if (command === 'log-level') {
      silent = args[0]?.key.toLowerCase() === 'none';
      played.push({ given, actual: 'ok' });
      continue;
    }
    const verb = verbs[command];
    assert.ok(verb !== undefined, `line ${given.line}: no command is called ${command}`);
    verb(scene, given);
    const output = scene.env.takeOutput();
    const hushed = silent || valueOf(args, 'log-level') === 'none';
    played.push({ given, actual: hushed || output === '' ? 'ok' : output });
  }
  return played;
}

/** Chance is decided before the scenario begins: a time-out set later holds from the start. */
function electionTicks(cases: readonly Case[]): Map<string, number> {
  const set = cases.filter(({ command }) => command === 'set-randomized-election-timeout');
  return new Map(
    set.map(({ args }) => [args[0]?.key as string, Number(valueOf(args, 'timeout'))] as const),
  );
}
