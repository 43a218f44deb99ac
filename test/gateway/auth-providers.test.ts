/** The providers of identities alone: real files, a real endpoint for keys, time that the test moves. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createJwtProvider } from '../../src/gateway/auth/jwt.ts';
import { createProviders } from '../../src/gateway/auth/providers.ts';
import { createTokenFile } from '../../src/gateway/auth/token-file.ts';
import { parseTokenLines } from '../../src/gateway/auth/token-lines.ts';
import { createTokenReviewProvider } from '../../src/gateway/auth/token-review.ts';
import type { TokenProvider, Verdict } from '../../src/gateway/auth/verdict.ts';
import type { ReviewedToken } from '../../src/gateway/index.ts';
import { systemRandom as random } from '../../src/host/index.ts';
import { silentLogger } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { createVirtualClock, type VirtualClock } from '../virtual-clock.ts';
import { AUDIENCE, localCertificate, startIssuer, type Issuer } from './issuer.ts';
import { createLogSink } from './log-sink.ts';

const ALICE = 'alice-0123456789abcdef';
const BOB = 'bob-0123456789abcdefgh';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'auth-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const tenantOf = (verdict: Verdict): string =>
  verdict.type === 'known' ? verdict.principal.tenant : verdict.type;

test('a token file says token, tenant, groups and name', () => {
  const parsed = parseTokenLines(
    `\ufeff# comment\r\n\r\n${ALICE} acme  dev,ops alice\n  ${BOB}\tacme\n${BOB}2 acme - bob\n`,
  );
  assert.deepEqual(parsed.ok && parsed.value, [
    { token: ALICE, tenant: 'acme', groups: ['dev', 'ops'], name: 'alice' },
    { token: BOB, tenant: 'acme', groups: [], name: undefined },
    { token: `${BOB}2`, tenant: 'acme', groups: [], name: 'bob' },
  ]);
});

test('a mistake in a token file is named by its line and never quoted', () => {
  const wrong: [string, RegExp][] = [
    ['short acme', /^line 1: the token is shorter/],
    [`# ok\n${ALICE}`, /^line 2: the tenant is missing/],
    [`${ALICE} a b c d`, /^line 1: more than/],
    [`${ALICE} a\n${ALICE} b`, /^line 2: the same token/],
    [`${ALICE}\u00e4 acme`, /^line 1: the token has characters/],
    [`${ALICE} ${'t'.repeat(254)}`, /^line 1: a field is longer/],
  ];
  for (const [text, expected] of wrong) {
    const parsed = parseTokenLines(text);
    assert.equal(parsed.ok, false, text);
    assert.match(parsed.ok ? '' : parsed.error, expected);
    assert.doesNotMatch(parsed.ok ? '' : parsed.error, /alice-0123/);
  }
});

test(verifies('auth.token-file'), async () => {
  const clock = createVirtualClock();
  const logs = createLogSink();
  // As kubelet does it: the file is a link into a folder that is a link, and the latter is replaced.
  const volume = join(folder, 'volume');
  const publish = async (version: string, text: string): Promise<void> => {
    await mkdir(join(volume, version), { recursive: true });
    await writeFile(join(volume, version, 'tokens'), text);
    await symlink(version, join(volume, '..data_tmp'));
    await rename(join(volume, '..data_tmp'), join(volume, '..data'));
  };
  const path = join(volume, 'tokens');
  const file = createTokenFile({ path, clock, random, logger: logs.logger });
  assert.equal((await file.check(ALICE)).type, 'unknown', 'no file knows nobody');

  await publish('v1', `${ALICE} one\n`);
  await symlink(join('..data', 'tokens'), path);
  await clock.advance(1_000);
  assert.equal(tenantOf(await file.check(ALICE)), 'one');
  assert.equal((await file.check(BOB)).type, 'unknown');

  await publish('v2', `${BOB} two\n`);
  await clock.advance(1_000);
  assert.equal(tenantOf(await file.check(BOB)), 'two');
  assert.equal((await file.check(ALICE)).type, 'unknown', 'a token that was taken out is out');

  await publish('v3', `${ALICE} three\nnonsense-which-is-secret-but-has-no-tenant\n`);
  await clock.advance(1_000);
  assert.equal(tenantOf(await file.check(BOB)), 'two', 'what it last said stays');
  assert.equal((await file.check(ALICE)).type, 'unknown');
  await clock.advance(1_000);
  await file.check(BOB);
  const errors = logs.lines.filter(({ message }) => message === 'token file not usable');
  assert.deepEqual(
    errors.map(({ fields }) => fields['problem']),
    ['ENOENT', 'line 2: the tenant is missing'],
    'each problem once',
  );
  assert.doesNotMatch(logs.text(), /nonsense|alice|bob/);

  await publish('v4', `${ALICE} four - alice\n`);
  await clock.advance(1_000);
  const before = await file.check(ALICE);
  await publish('v5', `${ALICE}9 four - alice\n`);
  await clock.advance(1_000);
  assert.deepEqual(await file.check(`${ALICE}9`), before, 'a renewed token is the same principal');

  await unlink(join(volume, '..data'));
  await clock.advance(1_000);
  assert.equal(tenantOf(await file.check(`${ALICE}9`)), 'four', 'it may only be being replaced');
  await clock.advance(10_000);
  assert.equal((await file.check(`${ALICE}9`)).type, 'unknown', 'a file taken away takes all away');
});

test('a token file written in place is read again, too', async () => {
  const clock = createVirtualClock();
  const path = join(folder, 'plain');
  await writeFile(path, `${ALICE} one\n`);
  const file = createTokenFile({ path, clock, random, logger: silentLogger });
  assert.equal(tenantOf(await file.check(ALICE)), 'one');
  await writeFile(path, `${ALICE} two\n`);
  await clock.advance(1_000);
  assert.equal(tenantOf(await file.check(ALICE)), 'two');
  await writeFile(path, 'x'.repeat(2 ** 20 + 1));
  await clock.advance(1_000);
  assert.equal(
    tenantOf(await file.check(ALICE)),
    'two',
    'a file that is too long counts for nothing',
  );
});

test('a token means the same principal wherever a pod has the file', async () => {
  const policy = { providers: [{ type: 'TokenFile', path: 'secret/tokens' } as const], rules: [] };
  const verdicts = await Promise.all(
    ['pod-0', 'pod-1'].map(async (pod) => {
      await mkdir(join(folder, pod, 'secret'), { recursive: true });
      await writeFile(join(folder, pod, 'secret', 'tokens'), `${ALICE} one\n`);
      const tokensDirectory = join(folder, pod);
      const tools = { clock: createVirtualClock(), random, logger: silentLogger, tokensDirectory };
      return createProviders(tools).check(policy, ALICE);
    }),
  );
  assert.equal(tenantOf(verdicts[0] as Verdict), 'one');
  assert.deepEqual(verdicts[0], verdicts[1]);
});

let issuer: Issuer;
let clock: VirtualClock;
let provider: TokenProvider;
const nowS = (): number => Math.floor(clock.wall() / 1000);
const jwtPolicy = () =>
  ({
    type: 'JWT',
    issuer: issuer.url,
    jwksUri: issuer.jwksUri,
    audiences: ['other', AUDIENCE],
    tenantClaim: 'org.tenant',
    groupsClaim: 'groups',
  }) as const;

before(async () => {
  clock = createVirtualClock();
  issuer = await startIssuer(nowS);
  provider = createJwtProvider({ policy: jwtPolicy(), clock, logger: silentLogger });
});
after(() => issuer.stop());

/** A token without signature, or with one by a key of our own. */
function forged(header: object, payload: object, key?: string): string {
  const encode = (value: object): string =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = `${encode(header)}.${encode(payload)}`;
  const signature =
    key === undefined ? '' : createHmac('sha256', key).update(head).digest('base64url');
  return `${head}.${signature}`;
}

test('the keys of an issuer whose authority only the resource knows', async (t) => {
  const { ca, ...tls } = await localCertificate('127.0.0.1');
  const own = await startIssuer(nowS, { tls });
  t.after(() => own.stop());
  const policy = { ...jwtPolicy(), issuer: own.url, jwksUri: own.jwksUri, tenantClaim: 'sub' };
  const check = async (authority?: string): Promise<string> => {
    const trusting = authority === undefined ? policy : { ...policy, ca: authority };
    const judge = createJwtProvider({ policy: trusting, clock, logger: silentLogger });
    return (await judge.check(await own.sign('alice'))).type;
  };
  assert.equal(await check(ca), 'known');
  assert.equal(await check(), 'unavailable');
  const { ca: other } = await localCertificate('127.0.0.1');
  assert.equal(await check(other), 'unavailable');
});

test(verifies('auth.jwt'), async (t) => {
  const sign = (claims = {}, header = {}) => issuer.sign('alice', claims, header);
  const good = await provider.check(
    await sign({ org: { tenant: 'acme' }, groups: ['dev'], scope: 'read write' }),
  );
  assert.equal(good.type, 'known');
  assert.deepEqual(good.type === 'known' && { ...good.principal, id: '' }, {
    id: '',
    tenant: 'acme',
    groups: ['dev'],
    scopes: ['read', 'write'],
  });
  const claims = { iss: issuer.url, aud: AUDIENCE, sub: 'alice', exp: nowS() + 300 };
  const [head = '', , signature = ''] = (await sign()).split('.');
  const swapped = Buffer.from(JSON.stringify({ ...claims, sub: 'root' })).toString('base64url');
  const rows: [string, string, string][] = [
    ['expired beyond the leeway', await sign({ exp: nowS() - 31 }), 'expired'],
    ['expired within the leeway', await sign({ exp: nowS() - 29 }), 'default'],
    ['not valid yet', await sign({ nbf: nowS() + 31 }), 'not-yet-valid'],
    ['valid soon, within the leeway', await sign({ nbf: nowS() + 29 }), 'default'],
    ['for somebody else', await sign({ aud: 'https://bank.test' }), 'audience'],
    ['for somebody else, too', await sign({ aud: ['x', 'other'] }), 'default'],
    ['for nobody', await sign({ aud: undefined }), 'audience'],
    ['without end', await sign({ exp: undefined }), 'claims'],
    ['without subject', await sign({ sub: undefined }), 'claims'],
    ['tenant that is no name', await sign({ org: { tenant: 7 } }), 'claims'],
    ['tenant that is long', await sign({ org: { tenant: 'x'.repeat(257) } }), 'claims'],
    ['groups that are no names', await sign({ groups: [{}] }), 'claims'],
    ['of another issuer', await sign({ iss: 'https://else.test' }), 'unknown'],
    ['another payload', `${head}.${swapped}.${signature}`, 'signature'],
    ['no signature', forged({ alg: 'none' }, claims), 'algorithm'],
    ['key id unknown', await sign({}, { kid: 'made-up' }), 'signature'],
    [
      'public key as a shared one',
      forged({ alg: 'HS256', kid: 'first' }, claims, 'k'),
      'algorithm',
    ],
    ['critical extension', forged({ alg: 'ES256', crit: ['x'], x: 1 }, claims, 'k'), 'malformed'],
    ['no JSON web token', ALICE, 'unknown'],
    ['two dots', 'a.b.c', 'unknown'],
  ];
  for (const [name, token, expected] of rows) {
    await t.test(name, async () => {
      const verdict = await provider.check(token);
      assert.equal(verdict.type === 'invalid' ? verdict.reason : tenantOf(verdict), expected);
    });
  }
});

test('the same subject has the same id in every token, and only that one', async () => {
  const idOf = async (subject: string, claims = {}): Promise<string> => {
    const verdict = await provider.check(await issuer.sign(subject, claims));
    return verdict.type === 'known' ? verdict.principal.id : verdict.type;
  };
  const id = await idOf('alice');
  assert.match(id, /^sha256:[\w-]{43}$/);
  assert.equal(await idOf('alice', { jti: 'another', groups: ['other'] }), id);
  assert.notEqual(await idOf('bob'), id);
});

test('a verified token is not good beyond its end', async () => {
  const token = await issuer.sign('alice', { exp: nowS() + 5 });
  assert.equal((await provider.check(token)).type, 'known');
  await clock.advance(20_000);
  assert.equal((await provider.check(token)).type, 'known', 'within the leeway');
  await clock.advance(15_001);
  assert.deepEqual(await provider.check(token), { type: 'invalid', reason: 'expired' });
});

test(verifies('auth.jwks'), async () => {
  const fresh = createJwtProvider({ policy: jwtPolicy(), clock, logger: silentLogger });
  await fresh.check(await issuer.sign('alice'));
  const fetched = issuer.fetches;

  const made = await Promise.all(
    Array.from({ length: 50 }, (_, index) => issuer.sign('eve', {}, { kid: `made-up-${index}` })),
  );
  for (const token of made) assert.equal((await fresh.check(token)).type, 'invalid');
  await clock.advance(10_000);
  await Promise.all(made.map((token) => fresh.check(token)));
  assert.equal(issuer.fetches, fetched + 1, 'made-up key ids cost one fetch a cooldown');

  await issuer.rotate('second');
  await clock.advance(10_000);
  assert.equal(
    (await fresh.check(await issuer.sign('alice'))).type,
    'known',
    'the new key is found',
  );

  issuer.status = 503;
  const signed = (subject: string) => issuer.sign(subject, { exp: nowS() + 10_000 });
  for (const hour of [0.25, 0.5, 0.9]) {
    await clock.advance(hour * 1_000_000);
    assert.equal(
      (await fresh.check(await signed(`at ${hour}`))).type,
      'known',
      'the last keys hold',
    );
  }
  await clock.advance(3_600_000);
  assert.equal((await fresh.check(await signed('late'))).type, 'unavailable', 'but not for ever');
  issuer.status = undefined;
  await clock.advance(10_000);
  assert.equal((await fresh.check(await signed('back'))).type, 'known');
});

test('keys are not fetched without TLS from another machine', async () => {
  const logs = createLogSink();
  const policy = { ...jwtPolicy(), jwksUri: 'http://keys.test/jwks' };
  const far = createJwtProvider({ policy, clock, logger: logs.logger });
  assert.equal((await far.check(await issuer.sign('alice'))).type, 'unavailable');
  assert.match(logs.text(), /must begin with https/);
});

const reviewed = (audiences: readonly string[]): ReviewedToken => ({
  authenticated: true,
  audiences,
  user: { username: 'system:serviceaccount:team-a:agent', uid: 'u1', groups: ['g'] },
});

test(verifies('auth.token-review-load'), async () => {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let answer = reviewed(['mcp']);
  const kube = createTokenReviewProvider({
    audiences: ['mcp'],
    clock,
    review: async (token) => {
      asked.push(token);
      await new Promise<void>((resolve) => waiting.push(resolve));
      return answer;
    },
  });
  const release = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  const same = Array.from({ length: 100 }, () => kube.check('one'));
  release();
  assert.deepEqual(new Set((await Promise.all(same)).map(tenantOf)), new Set(['team-a']));
  assert.equal(asked.length, 1, 'asked once at a time');
  assert.equal(tenantOf(await kube.check('one')), 'team-a');
  assert.equal(asked.length, 1, 'and not again at once');

  const many = Array.from({ length: 40 }, (_, index) => kube.check(`token-${index}`));
  const refused = await Promise.all(many.slice(32));
  assert.ok(refused.every(({ type }) => type === 'unavailable'));
  release();
  assert.ok((await Promise.all(many.slice(0, 32))).every(({ type }) => type === 'known'));

  answer = { authenticated: false, audiences: [] };
  await clock.advance(30_000);
  const again = kube.check('one');
  release();
  assert.equal((await again).type, 'unknown', 'a token that was taken back is out after 30 s');
});

test('an API server that knows no audiences proves nothing', async () => {
  for (const audiences of [[], ['https://kubernetes.default.svc']]) {
    const review = async (): Promise<ReviewedToken> => reviewed(audiences);
    const kube = createTokenReviewProvider({ audiences: ['mcp'], review, clock });
    assert.equal((await kube.check('token')).type, 'unknown');
  }
});

test(verifies('auth.order'), async () => {
  const path = join(folder, 'ordered');
  await writeFile(path, `${ALICE} by-file\n`);
  let down = true;
  const providers = createProviders({
    clock,
    random,
    logger: silentLogger,
    reviewToken: async (token) => {
      if (down) throw new Error('connection refused');
      return token === ALICE || token === BOB
        ? reviewed(['mcp'])
        : { authenticated: false, audiences: [] };
    },
  });
  const kube = { type: 'TokenReview', audiences: ['mcp'] } as const;
  const file = { type: 'TokenFile', path } as const;
  const kubeFirst = { providers: [kube, jwtPolicy(), file], rules: [] };
  assert.equal(tenantOf(await providers.check(kubeFirst, ALICE)), 'by-file');
  assert.equal((await providers.check(kubeFirst, BOB)).type, 'unavailable');
  down = false;
  assert.equal(tenantOf(await providers.check(kubeFirst, ALICE)), 'team-a');
  const fileFirst = { providers: [file, kube], rules: [] };
  assert.equal(tenantOf(await providers.check(fileFirst, ALICE)), 'by-file');
  assert.equal((await providers.check(fileFirst, 'nobody')).type, 'unknown');
  const expired = await issuer.sign('alice', { exp: nowS() - 100 });
  assert.deepEqual(await providers.check(kubeFirst, expired), {
    type: 'invalid',
    reason: 'expired',
  });
});
