/** The gateway's policies as the operator writes them, checked by those who read them. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DEFAULT_POLICIES } from '../../../src/gateway/index.ts';
import { runningConfig, statefulSet } from '../../../src/operator/core/index.ts';
import { policiesOf } from '../../../src/operator/core/policies.ts';
import { parseRunningConfig } from '../../../src/sidecar/config.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { verifies } from '../../requirements.ts';
import { cluster } from './fixtures.ts';

const json = (value: unknown) => JSON.parse(JSON.stringify(value));
const of = (spec: Readonly<Record<string, unknown>>) =>
  cluster(defaultedSpec({ server: { image: 'x' }, ...spec }));
const secretKeyRef = { name: 'callers', key: 'tokens' };
const AUTH = {
  providers: [
    { name: 'file', tokenFile: { secretKeyRef } },
    { name: 'more', tokenFile: { secretKeyRef: { name: 'callers', key: 'admins' } } },
    {
      name: 'login',
      jwt: { issuer: 'https://a', jwksUri: 'https://a/keys', audiences: ['tools'] },
    },
    { name: 'pods', tokenReview: { audiences: ['tools'] } },
  ],
  rules: [{ tools: ['*'], groups: ['staff'] }],
};

void suite('policies of a spec', () => {
  test(verifies('operator.policies'), () => {
    assert.deepEqual(json(policiesOf(of({}))), {
      ...DEFAULT_POLICIES,
      auth: { ...DEFAULT_POLICIES.auth, forwardToken: true },
    });
    const everything = of({
      loadBalancing: {
        strategy: 'Capability',
        weights: [{ pod: 'tools-1', weight: 3 }],
        capabilities: [{ tool: 'render*', requires: ['gpu'] }],
        consistentHash: { on: 'Header', name: 'x-user', loadFactorPercent: 150 },
        stateHandles: [{ argument: 'basket_id' }],
        hedging: { delay: '50ms' },
        circuitBreaker: { enabled: true, window: 'Sampling', fallback: 'later' },
      },
      bulkheads: [
        {
          name: 'slow',
          match: { tools: ['slow'] },
          maxConcurrent: 10,
          quotas: { cpu: '500m', memory: '1Gi', bytesPerSecond: '10M' },
        },
      ],
      gateway: { rateLimits: [{ name: 'calls', requests: 20, interval: '1m' }], auth: AUTH },
    });
    const written = json(runningConfig(everything));
    const read = parseRunningConfig(JSON.stringify(written));
    assert.deepEqual(read, { config: written, unknown: [] });
    const { policies } = written.gateway;
    assert.deepEqual(policies.loadBalancing.weights, { 'tools-1': 3 });
    assert.equal(policies.loadBalancing.consistentHash.loadFactor, 1.5);
    assert.deepEqual(policies.health.hedging, { delayMs: 50 });
    const [{ quotas, maxWaitMs }] = policies.bulkheads;
    assert.deepEqual(quotas, { cpu: 0.5, memoryBytes: 2 ** 30, bytesPerSecond: 1e7 });
    assert.equal(maxWaitMs, 1000);
    const [{ burst, intervalMs }] = policies.rateLimits;
    assert.deepEqual({ burst, intervalMs }, { burst: 20, intervalMs: 60_000 });
    assert.deepEqual(policies.auth.providers, [
      { type: 'TokenFile', path: 'callers/tokens' },
      { type: 'TokenFile', path: 'callers/admins' },
      {
        ...{ type: 'JWT', issuer: 'https://a', jwksUri: 'https://a/keys', audiences: ['tools'] },
        ...{ tenantClaim: 'sub', groupsClaim: 'groups' },
      },
      { type: 'TokenReview', audiences: ['tools'] },
    ]);
    assert.doesNotMatch(JSON.stringify(policies), /"name":"(file|login)"/);
  });
});

void suite(verifies('operator.auth-mounts'), () => {
  const size = { replicas: 3, voters: 3 };
  const podOf = (spec: Readonly<Record<string, unknown>>) =>
    json(statefulSet(of(spec), { sidecarImage: 'x', size })).spec.template.spec;
  const namesOf = (volumes: readonly { name: string }[]) => volumes.map(({ name }) => name);

  test('Secrets with tokens are mounted, with the keys that are named, into the sidecar alone', () => {
    const pod = podOf({ gateway: { auth: AUTH } });
    const volumes = pod.volumes.filter(({ name }: { name: string }) =>
      name.startsWith('sidecar-auth-'),
    );
    assert.equal(volumes.length, 1);
    assert.deepEqual(
      volumes[0].projected.sources.map(({ secret }: { secret: object }) => secret),
      ['tokens', 'admins'].map((key) => ({
        name: 'callers',
        optional: true,
        items: [{ key, path: `callers/${key}` }],
      })),
    );
    const [sidecar] = pod.initContainers;
    const mount = sidecar.volumeMounts.find(
      ({ name }: { name: string }) => name === volumes[0].name,
    );
    assert.ok(sidecar.args.includes(`--tokens-dir=${mount.mountPath}`));
    assert.equal(pod.containers[0].volumeMounts, undefined);
  });

  test('the sidecar has a token for the API server only when it must ask about callers', () => {
    assert.ok(!namesOf(podOf({}).volumes).includes('sidecar-api'));
    const pod = podOf({ gateway: { auth: AUTH } });
    assert.ok(namesOf(pod.volumes).includes('sidecar-api'));
    assert.equal(pod.automountServiceAccountToken, false);
    assert.equal(pod.containers[0].volumeMounts, undefined);
  });

  test('the sidecar sees the processes of the server only when it has to measure them', () => {
    const bulkhead = { name: 'slow', maxConcurrent: 10 };
    const sees = (quotas: object) =>
      podOf({ bulkheads: [{ ...bulkhead, quotas }] }).shareProcessNamespace;
    assert.equal(podOf({}).shareProcessNamespace, undefined);
    assert.equal(sees({ bytesPerSecond: '1M' }), undefined);
    assert.equal(sees({ cpu: '1' }), true);
    assert.equal(sees({ memory: '1Gi' }), true);
  });

  test('annotations of the pod reach the sidecar as files', () => {
    const { volumes } = podOf({});
    const volume = volumes.find(({ name }: { name: string }) => name === 'sidecar-pod');
    assert.deepEqual(
      volume.downwardAPI.items.map(
        ({ path, fieldRef }: { path: string; fieldRef: { fieldPath: string } }) => [
          path,
          fieldRef.fieldPath,
        ],
      ),
      [
        ['weight', "metadata.annotations['mcpcluster.io/weight']"],
        ['capabilities', "metadata.annotations['mcpcluster.io/capabilities']"],
      ],
    );
  });
});
