/** What the hook of a server's container is told, as a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  summary,
  whyServerMayStop,
  WORD_AWAITED_MS,
  type Departure,
  type HookFacts,
} from '../../../src/sidecar/core/departure.ts';

test('a hook waits for a hand-over, and for nothing else', () => {
  const staying: Departure = { phase: 'staying' };
  const leaving: Departure = { phase: 'leaving' };
  const left: Departure = { phase: 'left', handedOver: { moved: 2, released: 0, cut: 0 } };
  const usual: HookFacts = { waitedMs: 0, canBeTold: true, serverAnswers: true };
  const long = { waitedMs: 3_600_000 };
  const table: [Departure, Partial<HookFacts>, RegExp | undefined][] = [
    [staying, {}, undefined],
    [staying, { waitedMs: WORD_AWAITED_MS - 1 }, undefined],
    [staying, { waitedMs: WORD_AWAITED_MS }, /^nobody has told/],
    [staying, { serverAnswers: false }, /does not answer/],
    [staying, { canBeTold: false }, /--hand-over-file is not set/],
    [leaving, {}, undefined],
    // What bounds it is the hand-over itself, and the kubelet.
    [leaving, long, undefined],
    // Sessions still go to other pods.
    [leaving, { serverAnswers: false }, /does not answer/],
    [left, long, /^2 sessions handed over$/],
  ];
  for (const [departure, facts, expected] of table) {
    const why = whyServerMayStop(departure, { ...usual, ...facts });
    const row = JSON.stringify([departure, facts]);
    if (expected === undefined) assert.equal(why, undefined, row);
    else assert.match(why ?? '', expected, row);
  }
});

test('people are told what became of the sessions', () => {
  assert.equal(summary({ moved: 0, released: 0, cut: 0 }), '0 sessions handed over');
  assert.match(summary({ moved: 1, released: 2, cut: 0 }), /; 2 released, since no other pod/);
  assert.match(summary({ moved: 1, released: 0, cut: 3 }), /; 3 cut in their requests/);
});
