/** What is written to a log, as the process writes it: who reads logs must not be able to act as a caller. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createLogger } from '../../src/telemetry/index.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'logs-'));
});
after(() => rm(folder, { recursive: true, force: true }));

test('a log line holds the beginning of a session id, and no credential', async () => {
  const file = join(folder, 'log');
  const id = 'Jk3lZ9qWmNbVcXsDfGhJ0pOiUyTrEwQ1';
  const logger = createLogger({ name: 'test', level: 'debug', file }).child({
    component: 'gateway',
  });
  logger.warn('request not served', { session: id, error: 'x' });
  logger.child({ session: id }).debug('again', { authorization: 'Bearer secret-of-a-caller' });
  logger.error('nested', { headers: { authorization: 'Bearer secret-of-a-caller' } });
  const text = await readFile(file, 'utf8');
  assert.equal(text.match(/"session":"Jk3lZ9qW"/g)?.length, 2);
  assert.ok(!text.includes(id));
  assert.ok(!text.includes('secret-of-a-caller'));
});
