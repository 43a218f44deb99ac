/** etcd's interaction traces, played by our core. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Message } from '../../src/raft/core/index.ts';
import { verifies } from '../requirements.ts';
import { blocksOf } from './compare.ts';
import { parseCases, type Case } from './datadriven.ts';
import { etcdRaftFolder, readTexts } from './etcd-raft.ts';
import { play, type Played } from './play.ts';
import { TRACE_VERBS } from './verbs.ts';

const folder = etcdRaftFolder();
const skip = folder === undefined ? 'the Go module of etcd raft is not here' : false;

/** What etcd's members do not say. */
const OURS: readonly Message['type'][] = ['propose-refusal', 'removed', 'snapshot-response'];

/** Where we differ from etcd because we mean to: trace → the line of the first command that shows it, and why. */
const DEVIATIONS: Readonly<Record<string, { readonly line: number; readonly reason: string }>> = {
  confchange_disable_validation: {
    line: 59,
    reason: 'nothing turns off the check that a change can follow on the configuration in force',
  },
  confchange_v1_remove_leader_stepdown: {
    line: 44,
    reason:
      'a leader takes nothing more once it has proposed its own removal: after it stepped down, the other one of two could not win',
  },
};

/** Up to where the trace has to be ours, too. */
function playTrace(name: string, text: string): Played[] {
  const end = DEVIATIONS[name]?.line ?? Infinity;
  return playAll(text).filter(({ given }) => given.line < end);
}

function playAll(text: string): Played[] {
  return play(parseCases(text), { verbs: TRACE_VERBS, lost: OURS });
}

const traces = folder === undefined ? new Map<string, string>() : readTexts(folder, 'testdata');

test('a trace deviates only where it is said why, and in three at most', { skip }, () => {
  assert.equal(traces.size, 28);
  assert.ok(Object.keys(DEVIATIONS).length <= 3);
  for (const [name, { line }] of Object.entries(DEVIATIONS)) {
    const all = playAll(traces.get(name) as string);
    const { given, actual } = all.find((one) => one.given.line === line) as Played;
    assert.notDeepEqual(blocksOf(actual), blocksOf(given.expected));
  }
});

test(verifies('raft.traces-as-in-etcd'), { skip }, async (t) => {
  for (const [name, text] of traces) {
    await t.test(name, () => {
      for (const { given, actual } of playTrace(name, text)) {
        assert.deepEqual(blocksOf(actual), blocksOf(given.expected), where(name, given));
      }
    });
  }
});

/** Commands that show a state, and so are compared as they are. */
const DUMPS = new Set(['raft-log', 'raft-state', 'status', 'compact']);

test(verifies('raft.final-states-as-in-etcd'), { skip }, async (t) => {
  for (const [name, text] of traces) {
    await t.test(name, () => {
      const played = playTrace(name, text);
      const dumps = played.filter(({ given }) => DUMPS.has(given.command));
      for (const { given, actual } of dumps) {
        assert.equal(actual, plain(given.expected), where(name, given));
      }
      const ours = played.map(({ given, actual }) => lastSeen(given, actual));
      const theirs = played.map(({ given }) => lastSeen(given, given.expected));
      assert.deepEqual(new Map(ours.flat()), new Map(theirs.flat()));
    });
  }
});

/** What each member last said of its role, term, vote and commit index. */
function lastSeen({ args }: Case, output: string): [string, string][] {
  const only = args[0]?.key ?? '';
  return blocksOf(output).flatMap(({ title, lines }) => {
    const id = title.split(' ')[1] ?? only;
    const said = lines.filter((line) => /^(HardState|Lead:)/.test(line));
    return said.map((line): [string, string] => [`${id} ${line.split(/[ :]/)[0]}`, line]);
  });
}

function plain(expected: string): string {
  return expected.replaceAll('EntryConfChangeV2', 'EntryConfChange');
}

function where(name: string, { line, directive }: Case): string {
  return `${name}, line ${line}: ${directive}`;
}
