/** Runs as traces for etcd's TLA+ specification, and our reading of that specification as their judge. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { checkTrace } from './tla-model.ts';
import { simulate } from './world.ts';

const SEEDS = 40;

function traceOf(seed: number): string[] {
  const lines: string[] = [];
  const { violation } = simulate(seed, { onTrace: (line) => lines.push(line) });
  assert.equal(violation?.message, undefined, `seed ${seed}`);
  return lines;
}

/** The trace of etcd itself that comes with its module; undefined where there is no Go. */
function exampleOfEtcd(): string | undefined {
  try {
    const cache = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim();
    const path = join(cache, 'go.etcd.io/raft/v3@v3.7.0/tla/example.ndjson');
    return existsSync(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

test(verifies('raft.traces-fit-the-specification'), (t) => {
  let events = 0;
  const names = new Set<string>();
  for (let seed = 1; seed <= SEEDS; seed++) {
    const lines = traceOf(seed);
    events += lines.length;
    checkTrace(lines);
    for (const line of lines) {
      names.add((JSON.parse(line) as { event: { name: string } }).event.name);
    }
  }
  t.diagnostic(`${events} events of ${SEEDS} runs`);
  // All that the specification knows, snapshots aside, happens in them.
  assert.deepEqual([...names].sort(), [
    'ApplyConfChange',
    'BecomeCandidate',
    'BecomeFollower',
    'BecomeLeader',
    'ChangeConf',
    'Commit',
    'InitState',
    'Ready',
    'ReceiveAppendEntriesRequest',
    'ReceiveAppendEntriesResponse',
    'ReceiveRequestVoteRequest',
    'ReceiveRequestVoteResponse',
    'Replicate',
    'SendAppendEntriesRequest',
    'SendAppendEntriesResponse',
    'SendRequestVoteRequest',
    'SendRequestVoteResponse',
  ]);
});

test('a trace that was tampered with is refused, with its line', () => {
  const lines = traceOf(1);
  const at = lines.findIndex((line) => line.includes('"BecomeLeader"'));
  const grant = lines.findLastIndex(
    (line, i) => i < at && line.includes('ReceiveRequestVoteResponse'),
  );
  const without = lines.filter((_line, i) => i !== grant);
  assert.throws(() => checkTrace(without), { name: 'TraceError', message: /no majority of votes/ });
  const commit = lines.findIndex((line) => line.includes('"name":"Commit"'));
  const early = [...lines];
  const [line] = early.splice(commit, 1) as [string];
  early.splice(commit - 1, 0, line);
  assert.throws(() => checkTrace(early), { name: 'TraceError' });
});

const example = exampleOfEtcd();
const skip = example === undefined && 'the Go module of etcd is not here';
test('the trace that etcd itself wrote is accepted, and has lines like ours', { skip }, () => {
  // The time is what the lines are sorted by before they are judged.
  const timeOf = (line: string): string => line.split(':').slice(2).join(':');
  const theirs = readFileSync(example as string, 'utf8')
    .trim()
    .split('\n');
  theirs.sort((a, b) => (timeOf(a) < timeOf(b) ? -1 : 1));
  assert.ok(checkTrace(theirs).steps > 4_000);
  const shapes = shapesOf(theirs);
  for (const [name, shape] of shapesOf(traceOf(1))) {
    if (shapes.has(name)) assert.deepEqual(shape, shapes.get(name), name);
  }
});

/** The fields of each kind of event, and their types. */
function shapesOf(lines: readonly string[]): Map<string, string> {
  const shapes = new Map<string, string>();
  for (const line of lines) {
    const { event } = JSON.parse(line) as { event: Record<string, unknown> & { name: string } };
    const { prop: _prop, ...rest } = event;
    shapes.set(event.name, shapeOf(rest));
  }
  return shapes;
}

function shapeOf(value: unknown): string {
  if (Array.isArray(value)) return 'list';
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.entries(value)
    .map(([key, field]) => `${key}:${shapeOf(field)}`)
    .join(' ');
}
