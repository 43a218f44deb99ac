/** Proposals on their way: resolved where they were made, sent again when they provably got lost, given up in time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Proposals } from '../../src/raft/proposals.ts';
import { verifies } from '../requirements.ts';
import { bytes } from './cluster.ts';

const create = (limits: Partial<ConstructorParameters<typeof Proposals>[1]> = {}): Proposals =>
  new Proposals(bytes('instance'), { countMax: 10, bytesMax: 1_000, timeoutMs: 100, ...limits });

/** Takes the next batch as sent to the leader of `term`. */
function send(proposals: Proposals, term: number): { request: number; commands: Uint8Array[] } {
  const batch = proposals.next(1_000);
  assert.ok(batch);
  proposals.accepted(batch.request, term);
  return batch;
}

const foreign = Buffer.from('xxxxxxxx000000other');

test('a proposal resolves when its entry is applied, and the command comes out as it went in', async () => {
  const proposals = create();
  const result = proposals.add(bytes('hello'), 0);
  const { commands } = send(proposals, 1);
  const data = commands[0] as Uint8Array;
  assert.equal(Buffer.from(proposals.split(data)).toString(), 'hello');
  proposals.applied({ index: 1, term: 1, data: foreign });
  assert.equal(proposals.waiting, 1);
  proposals.applied({ index: 2, term: 1, data });
  assert.deepEqual(await result, { index: 2, term: 1 });
  assert.equal(proposals.waiting, 0);
});

test(verifies('raft.lost-proposal-is-sent-again'), async () => {
  const proposals = create();
  const kept = proposals.add(bytes('kept'), 0);
  const lost = proposals.add(bytes('lost'), 0);
  const { commands } = send(proposals, 1);
  // The next leader has the first of the two in its log, then an entry of its own term.
  proposals.applied({ index: 1, term: 1, data: commands[0] as Uint8Array });
  assert.equal(proposals.next(1_000), undefined);
  proposals.applied({ index: 2, term: 2, data: new Uint8Array(0) });
  const again = send(proposals, 2);
  assert.deepEqual(again.commands, [commands[1]]);
  proposals.applied({ index: 3, term: 2, data: again.commands[0] as Uint8Array });
  assert.equal((await kept).index, 1);
  assert.equal((await lost).index, 3);
});

test(verifies('raft.late-refusal'), () => {
  const limits = { countMax: 10, bytesMax: 1_000, timeoutMs: 100 };
  const [before, now] = ['process1', 'qrocess2'].map((text) => {
    const proposals = new Proposals(bytes(text), limits);
    void proposals.add(bytes('x'), 0);
    return { proposals, sent: send(proposals, 1) };
  });
  now?.proposals.returned(before?.sent.request ?? 0);
  assert.equal(now?.proposals.hasUnsent, false, 'what is on its way may be in the log');
});

test('a refused batch goes back to the front, in order', () => {
  const proposals = create();
  for (const name of ['1', '2', '3']) void proposals.add(bytes(name), 0);
  const first = proposals.next(1);
  assert.equal(first?.commands.length, 1);
  proposals.returned(first.request);
  const names = proposals
    .next(1_000)
    ?.commands.map((data) => Buffer.from(proposals.split(data)).toString());
  assert.deepEqual(names, ['1', '2', '3']);
});

test('too many, too long, aborted, stopped: each is told with what is known of the outcome', async () => {
  const proposals = create({ countMax: 2 });
  const sent = proposals.add(bytes('sent'), 0);
  send(proposals, 1);
  const queued = proposals.add(bytes('queued'), 0);
  await assert.rejects(proposals.add(bytes('third'), 0), {
    code: 'overloaded',
    outcome: 'not-applied',
  });
  proposals.expire(100);
  await assert.rejects(sent, { code: 'timeout', outcome: 'unknown' });
  await assert.rejects(queued, { code: 'no-leader', outcome: 'not-applied' });
  const abort = new AbortController();
  const aborted = proposals.add(bytes('aborted'), 0, abort.signal);
  abort.abort();
  await assert.rejects(aborted, { code: 'timeout', outcome: 'not-applied' });
  assert.equal(proposals.next(1_000), undefined);
  const stopped = proposals.add(bytes('stopped'), 0);
  proposals.failAll();
  await assert.rejects(stopped, { code: 'stopped', outcome: 'not-applied' });
});

test('when the link to the leader breaks and no new term decides, the caller does not wait for the whole time-out', async () => {
  const proposals = create({ timeoutMs: 5_000 });
  const result = proposals.add(bytes('x'), 0);
  send(proposals, 3);
  proposals.linkLost(3, 800);
  proposals.expire(799);
  assert.equal(proposals.waiting, 1);
  proposals.expire(800);
  await assert.rejects(result, { outcome: 'unknown' });
});
