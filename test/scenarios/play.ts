/** Plays the commands of a scenario, one after the other. */
import assert from 'node:assert/strict';
import type { Message } from '../../src/raft/core/index.ts';
import { valueOf, type Case } from './datadriven.ts';
import { Environment } from './environment.ts';
import { VERBS, type Scene } from './verbs.ts';

export interface Played {
  readonly given: Case;
  readonly actual: string;
}

/** Plays `cases`, with messages of the types `lost` never arriving. `onPlayed` sees each as it is done. */
export function play(
  cases: readonly Case[],
  lost: readonly Message['type'][],
  onPlayed: (played: Played) => void,
): Scene {
  const scene: Scene = { env: new Environment(lost), electionTicks: electionTicks(cases) };
  let silent = false;
  for (const given of cases) {
    const { command, args } = given;
    if (command === 'log-level') {
      silent = args[0]?.key.toLowerCase() === 'none';
      onPlayed({ given, actual: 'ok' });
      continue;
    }
    const verb = VERBS[command];
    assert.ok(verb !== undefined, `line ${given.line}: no command is called ${command}`);
    verb(scene, given);
    const output = scene.env.takeOutput();
    const hushed = silent || valueOf(args, 'log-level') === 'none';
    onPlayed({ given, actual: hushed || output === '' ? 'ok' : output });
  }
  return scene;
}

/** Chance is decided before the scenario begins: a time-out set later holds from the start. */
function electionTicks(cases: readonly Case[]): Map<string, number> {
  const set = cases.filter(({ command }) => command === 'set-randomized-election-timeout');
  return new Map(
    set.map(({ args }) => [args[0]?.key as string, Number(valueOf(args, 'timeout'))] as const),
  );
}
