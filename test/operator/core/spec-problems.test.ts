/** What is wrong with a spec that only a running cluster shows. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { lackAuthVolumes, specProblem, type Pod } from '../../../src/operator/core/index.ts';
import { authVolumes } from '../../../src/operator/core/auth-volumes.ts';
import type { SpecProblemInput } from '../../../src/operator/core/spec-problems.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { verifies } from '../../requirements.ts';
import { answer, cluster, failed, pod } from './fixtures.ts';

const NOTHING: SpecProblemInput = {
  missingSecretKeys: new Set(),
  mayReviewTokens: undefined,
  issuer: undefined,
  others: [],
  pods: [pod(0), pod(1)],
  reports: new Map(),
};
const of = (spec: Readonly<Record<string, unknown>>) =>
  cluster(defaultedSpec({ server: { image: 'x' }, ...spec }));
const problem = (spec: Readonly<Record<string, unknown>>, found: Partial<SpecProblemInput> = {}) =>
  specProblem(of(spec), { ...NOTHING, ...found });
const annotated = (ordinal: number, capabilities: string): Pod => ({
  ...pod(ordinal),
  metadata: {
    ...pod(ordinal).metadata,
    annotations: { 'mcpcluster.io/capabilities': capabilities },
  },
});
const tokenFile = (key: string) => ({
  name: key,
  tokenFile: { secretKeyRef: { name: 'callers', key } },
});

void suite(verifies('operator.spec-problems'), () => {
  test('nothing is wrong with a spec that refers to nothing', () => {
    assert.equal(problem({}), undefined);
  });

  test('a Secret or a key that is not there', () => {
    const spec = { gateway: { auth: { providers: [tokenFile('a'), tokenFile('b')] } } };
    assert.equal(problem(spec), undefined);
    assert.deepEqual(problem(spec, { missingSecretKeys: new Set(['callers/b']) }), {
      reason: 'SecretMissing',
      message:
        'spec.gateway.auth.providers[1].tokenFile.secretKeyRef: there is no Secret callers with a key b; nobody is known by it',
    });
  });

  test('tokens that the sidecars may not review; not knowing it is no problem', () => {
    const spec = {
      gateway: { auth: { providers: [{ name: 'pods', tokenReview: { audiences: ['a'] } }] } },
    };
    assert.equal(problem(spec, { mayReviewTokens: undefined }), undefined);
    assert.equal(problem(spec, { mayReviewTokens: true }), undefined);
    const found = problem(spec, { mayReviewTokens: false });
    assert.equal(found?.reason, 'TokenReviewForbidden');
    assert.match(found.message, /--clusterrole=system:auth-delegator --serviceaccount=team:tools$/);
  });

  test('a capability that no pod has, all of it at the same pod', () => {
    const spec = {
      loadBalancing: { capabilities: [{ tool: 'render', requires: ['gpu', 'eu'] }] },
    };
    assert.equal(problem(spec, { pods: [] }), undefined, 'pods that do not exist yet say nothing');
    assert.equal(problem(spec, { pods: [pod(0), annotated(1, 'eu, gpu,x')] }), undefined);
    const found = problem(spec, { pods: [annotated(0, 'gpu'), annotated(1, 'eu')] });
    assert.equal(found?.reason, 'CapabilityMissing');
    assert.match(
      found.message,
      /^spec\.loadBalancing\.capabilities\[0\]\.requires: no pod has gpu/,
    );
  });

  test('policies that members cannot work with, once each', () => {
    const policyProblems = [
      { field: 'rateLimits[0].match.methods[0]', sentence: 'there is no such method' },
      { field: 'bulkheads[1].quotas', sentence: 'cannot be measured' },
    ];
    const reports = new Map([
      ['tools-0', answer(0, { policyProblems })],
      ['tools-1', answer(1, { policyProblems })],
    ]);
    assert.deepEqual(problem({}, { reports }), {
      reason: 'PolicyUnusable',
      message:
        'spec.bulkheads[1].quotas: cannot be measured | spec.gateway.rateLimits[0].match.methods[0]: there is no such method',
    });
  });

  test('a tool that no server lists, wherever the spec names it', () => {
    const backend = { ready: true, problem: '', toolsKnown: true, tools: ['echo', 'add'] };
    const lists = (tools: readonly string[]) =>
      new Map([
        ['tools-0', answer(0, { backend: { ...backend, tools } })],
        ['tools-1', failed],
        ['tools-2', answer(2)],
      ]);
    const match = { tools: ['ad*', 'slow'] };
    const named: readonly [string, Readonly<Record<string, unknown>>][] = [
      ['spec.bulkheads[0].match.tools[1]', { bulkheads: [{ name: 'a', maxConcurrent: 1, match }] }],
      [
        'spec.gateway.rateLimits[0].match.tools[1]',
        { gateway: { rateLimits: [{ name: 'a', requests: 1, match }] } },
      ],
      [
        'spec.gateway.auth.rules[0].tools[1]',
        { gateway: { auth: { rules: [{ tools: ['*', 'slow'] }] } } },
      ],
      [
        'spec.loadBalancing.stateHandles[0].tool',
        { loadBalancing: { stateHandles: [{ tool: 'slow', argument: 'id' }, { argument: 'id' }] } },
      ],
    ];
    for (const [field, spec] of named) {
      assert.deepEqual(problem(spec, { reports: lists(['echo', 'add']) }), {
        reason: 'UnknownTool',
        message: `${field}: the server lists no tool "slow"; it lists echo, add`,
      });
      assert.equal(problem(spec, { reports: lists(['add', 'slow']) }), undefined);
      assert.equal(problem(spec), undefined, 'servers that were not asked say nothing');
    }
    const many = Array.from({ length: 12 }, (_, index) => `add${index}`);
    assert.match(
      problem(named[0]?.[1] ?? {}, { reports: lists(many) })?.message ?? '',
      /it lists add0, .*, add9 and 2 more$/,
    );
    assert.match(
      problem(named[3]?.[1] ?? {}, { reports: lists([]) })?.message ?? '',
      /lists none$/,
    );
  });
});

test(verifies('operator.auth-order'), () => {
  const spec = of({ gateway: { auth: { providers: [tokenFile('a')] } } });
  const volumes = authVolumes(spec).map(({ volume }) => volume);
  const ready: Pod = { ...pod(0), spec: { volumes } };
  assert.equal(lackAuthVolumes(spec, [ready, pod(1)]), true);
  assert.equal(lackAuthVolumes(spec, [ready, ready]), false);
  assert.equal(lackAuthVolumes(of({}), [pod(0)]), false);
  const more = of({ gateway: { auth: { providers: [tokenFile('a'), tokenFile('b')] } } });
  assert.equal(lackAuthVolumes(more, [ready]), true, 'a key more is another volume');
});
