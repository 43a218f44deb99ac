/** Ports for programs that are started later: nobody gets them in between without asking for just them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freePorts } from '../../src/host/index.ts';

test('free ports differ, and none is of those that the system gives away', async () => {
  const ports = await freePorts(200);
  assert.equal(new Set(ports).size, 200);
  assert.ok(
    ports.every((port) => port >= 10_000 && port <= 32_767),
    ports.join(),
  );
});
