/** When the tokens of a pod are replaced, under virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tokenRefreshMs, type Pod } from '../../../src/devcluster/core/index.ts';
import { createPodTokens } from '../../../src/devcluster/kubelet/pod-tokens.ts';
import { seededRandom } from '../../../src/std/index.ts';
import { verifies } from '../../requirements.ts';
import { createVirtualClock } from '../../virtual-clock.ts';

const POD = { metadata: { name: 'p', namespace: 'default', uid: 'u' } } as Pod;
const WISH = { audience: 'a', expirationSeconds: 600 };
const DUE_MS = 480_000;

function world() {
  const clock = createVirtualClock();
  const api = { issued: 0, isDown: false };
  const tokens = createPodTokens({
    clock,
    random: seededRandom(1),
    async requestToken() {
      if (api.isDown) throw new Error('no API server');
      return `token ${++api.issued}`;
    },
  });
  return { clock, api, tokens, get: () => tokens.get(POD, WISH) };
}

test('a token is due at 80 % of its life, and never later than a day after its issue', () => {
  assert.equal(tokenRefreshMs(WISH.expirationSeconds), DUE_MS);
  assert.equal(tokenRefreshMs(7 * 24 * 3600), 24 * 3600_000);
});

test(verifies('devcluster.token-refresh'), async () => {
  const { clock, tokens, get } = world();
  assert.equal(tokens.dueInMs(), undefined);
  assert.deepEqual(await get(), { ok: true, value: 'token 1' });
  const due = tokens.dueInMs() as number;
  assert.ok(due <= DUE_MS && due >= DUE_MS - 6000, `due in ${due} ms`);
  clock.freeze(due - 1);
  assert.deepEqual(await get(), { ok: true, value: 'token 1' });
  clock.freeze(1);
  assert.deepEqual(await get(), { ok: true, value: 'token 2' });
});

test('each wish has a token of its own', async () => {
  const { tokens, get } = world();
  await get();
  const other = await tokens.get(POD, { ...WISH, audience: 'b' });
  assert.deepEqual(other, { ok: true, value: 'token 2' });
  assert.deepEqual(await get(), { ok: true, value: 'token 1' });
});

test('while the API gives none, the old token stays as long as it is good', async () => {
  const { clock, api, tokens, get } = world();
  await get();
  api.isDown = true;
  clock.freeze(DUE_MS);
  assert.deepEqual(await get(), { ok: true, value: 'token 1' });
  assert.equal(tokens.dueInMs(), 60_000);
  clock.freeze(600_000 - DUE_MS);
  const over = await get();
  assert.ok(!over.ok && over.error.includes('no API server'));
  api.isDown = false;
  assert.deepEqual(await get(), { ok: true, value: 'token 2' });
});
