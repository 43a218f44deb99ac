/** States that part behind the same log: who differs from a majority is found out, whoever that is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../../requirements.ts';
import { three, type Network } from './network.ts';

const AT = 2;

/** Three members that have applied the same, each with its own idea of what came of it. */
function parted(checksums: Readonly<Record<string, number>>): Network {
  const network = three();
  network.elect('a');
  for (const [id, checksum] of Object.entries(checksums)) {
    network.node(id).stateChecked({ index: AT, checksum });
  }
  network.tick(2);
  return network;
}

const divergent = (network: Network): string[] =>
  [...network.nodes].filter(([, node]) => node.status().divergent).map(([id]) => id);

test(verifies('raft.divergent-state-is-fenced'), () => {
  const network = parted({ a: 7, b: 7, c: 8 });
  assert.deepEqual(divergent(network), ['c']);
  assert.deepEqual(network.leaders(), ['a']);
  // It neither campaigns, nor can it be made to.
  network.node('a').transferLeadership('c');
  network.settle();
  assert.notEqual(network.node('c').status().role, 'leader');
});

test('a leader whose state differs from a majority gives up its role for good', () => {
  const network = parted({ a: 1, b: 7, c: 7 });
  assert.deepEqual(divergent(network), ['a']);
  network.tick(40);
  const [leader] = network.leaders();
  assert.ok(leader === 'b' || leader === 'c');
  network.node('a').campaign();
  network.settle();
  assert.deepEqual(network.leaders(), [leader]);
});

test('without a majority that agrees nobody is accused', () => {
  assert.deepEqual(divergent(parted({ a: 1, b: 2, c: 3 })), []);
  assert.deepEqual(divergent(parted({ a: 1, b: 2 })), []);
});

test('checksums of different indexes are not compared', () => {
  const network = three();
  network.elect('a');
  network.node('a').stateChecked({ index: 5, checksum: 1 });
  network.node('b').stateChecked({ index: 4, checksum: 2 });
  network.node('c').stateChecked({ index: 4, checksum: 3 });
  network.tick(2);
  assert.deepEqual(divergent(network), []);
});
