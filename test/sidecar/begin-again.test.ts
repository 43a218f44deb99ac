/** What a member does at its start when its cluster is to begin again, and what it never does. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { services, type ServiceHandlers, type Wire } from '../../src/rpc/index.ts';
import { beginAgain, parseRecovery } from '../../src/sidecar/begin-again.ts';
import { silentLogger as logger } from '../../src/telemetry/index.ts';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { memberTls, testServer } from '../rpc/fixture.ts';

const RECOVERY = { id: 'r1', trust: 'x-0' };

/** A member `x-1` with a folder of its own, and what answers as `x-0`. */
async function memberWith(t: TestContext, files: readonly string[], trusted: () => object) {
  const dataDir = await mkdtemp(join(tmpdir(), 'begin-'));
  const tls = await memberTls();
  const server = testServer(tls);
  let asked = 0;
  const getStatus = async (): Promise<object> => {
    asked += 1;
    return trusted();
  };
  server.addService(services.admin, { getStatus } as unknown as ServiceHandlers<Wire.AdminMethods>);
  const { port } = await server.listen();
  t.after(async () => {
    await server.stop();
    await rm(dataDir, { recursive: true });
  });
  for (const file of files) {
    await mkdir(join(dataDir, file, '..'), { recursive: true });
    await writeFile(join(dataDir, file), 'old');
  }
  const plan = {
    id: 'x-1',
    dataDir,
    recovery: RECOVERY,
    clusterId: 'cluster-1',
    addressOf: () => ({ host: '127.0.0.1', port }),
    tls: { ...tls, stop: () => undefined },
    serverName: () => 'localhost',
  };
  return { plan, files: async () => (await readdir(dataDir)).sort(), asked: () => asked };
}

test(verifies('sidecar.begins-again-last'), async (t) => {
  let status = { recovery: '', role: 'follower' };
  const kept = ['raft/identity', 'raft/00000001.wal', 'peers.json', 'audit.jsonl'];
  const { plan, files, asked } = await memberWith(t, kept, () => status);
  const begun = beginAgain(plan, logger);
  await eventually('it to have asked twice', () => asked() >= 2);
  assert.deepEqual(await files(), ['audit.jsonl', 'peers.json', 'raft'], 'nothing is gone yet');
  status = { recovery: 'r1', role: 'leader' };
  await begun;
  assert.deepEqual(await files(), ['audit.jsonl', 'recovery.json']);
  const before = asked();
  await mkdir(join(plan.dataDir, 'raft'));
  await writeFile(join(plan.dataDir, 'raft', 'identity'), 'new');
  await beginAgain(plan, logger);
  assert.equal(asked(), before, 'once for each id');
  assert.equal(await readFile(join(plan.dataDir, 'raft', 'identity'), 'utf8'), 'new');
});

test('an empty folder has nothing to throw away, and waits for nobody', async (t) => {
  const { plan, files, asked } = await memberWith(t, [], () => ({}));
  await beginAgain(plan, logger);
  assert.deepEqual(await files(), ['recovery.json']);
  assert.equal(asked(), 0);
});

test('who is trusted and has nothing refuses, and says that nothing was changed', async (t) => {
  const { plan, files } = await memberWith(t, [], () => ({}));
  await assert.rejects(beginAgain({ ...plan, id: 'x-0' }, logger), {
    name: 'UsageError',
    message: /recovery r1: x-0 has no data .* nothing was changed .* trust another member/,
  });
  assert.deepEqual(await files(), []);
});

test('the flag names an id and a member', () => {
  assert.deepEqual(parseRecovery('r1:x-0'), RECOVERY);
  assert.equal(parseRecovery(undefined), undefined);
  for (const text of ['', 'r1', ':x-0', 'r1:', 'r1:x-0:x']) {
    assert.throws(() => parseRecovery(text), /expected ID:MEMBER/, text);
  }
});
