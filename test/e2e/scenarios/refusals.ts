/** Wrong McpClusters are refused when they are applied, with the field's path, its value and the rule. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS } from '../../../src/api/index.ts';
import { KubeError, type KubeObject } from '../../../src/kube/index.ts';
import type { Arena } from '../arena.ts';
import { mcpCluster, NAMESPACE } from '../manifests.ts';
import { kubectlScenario, scenario, type Scenario } from '../scenario.ts';

const server = { image: 'example.com/server:1' };
const UNCHECKED =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; ' +
  'correct the existing errors to complete validation';

interface Refusal {
  readonly what: string;
  readonly spec: object;
  readonly status: number;
  /** The whole message after `McpCluster.mcpcluster.io "wrong" is invalid: `, or of the decoder. */
  readonly message: string;
}

const REFUSALS: readonly Refusal[] = [
  {
    what: 'a wrong type',
    spec: { server, replicas: 'three' },
    status: 422,
    message: `[spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string", .spec.replicas: Invalid value: 0: .spec.replicas accessor error: three is of the type string, expected int64, ${UNCHECKED}]`,
  },
  {
    what: 'even voters',
    spec: { server, voters: 2 },
    status: 422,
    message: `[spec.voters: Unsupported value: 2: supported values: "1", "3", "5", "7", ${UNCHECKED}]`,
  },
  {
    what: 'more voters than replicas',
    spec: { server, replicas: 1, voters: 3 },
    status: 422,
    message: 'spec.voters: Invalid value: 3 voters need at least as many replicas',
  },
  {
    what: 'an unknown field',
    spec: { server: { ...server, imagee: 'x' } },
    status: 400,
    message: 'strict decoding error: unknown field "spec.server.imagee"',
  },
  {
    what: 'a bad quantity',
    spec: { server, storage: { size: 'lots' } },
    status: 422,
    message:
      'spec.storage.size: Invalid value: "lots": "lots" is not a quantity such as 1Gi or 500Mi',
  },
  {
    what: 'a bad duration',
    spec: { server, sessions: { idleTimeout: '8 hours' } },
    status: 422,
    message:
      'spec.sessions.idleTimeout: Invalid value: "8 hours": "8 hours" is not a duration such as 50ms, 1.5s or 8h',
  },
  {
    what: 'a missing image',
    spec: { server: {} },
    status: 422,
    message: `[spec.server.image: Required value, ${UNCHECKED}]`,
  },
  {
    what: 'a port of the sidecar',
    spec: { server: { ...server, port: 7000 } },
    status: 422,
    message:
      'spec.server.port: Invalid value: 7000: is taken: the sidecar in the same pod listens on 8081, 7000, 9090',
  },
];

async function refusalOf(work: Promise<unknown>): Promise<KubeError> {
  const error: unknown = await work.catch((cause: unknown) => cause);
  assert.ok(error instanceof KubeError, 'it was accepted');
  return error;
}

const refusals: readonly Scenario[] = REFUSALS.map(({ what, spec, status, message }) =>
  scenario(`refused at apply: ${what}`, async ({ client }) => {
    const wrong = mcpCluster('wrong', spec);
    const { status: code, message: text } = await refusalOf(client.create(MCP_CLUSTERS, wrong));
    const told = text.replace('McpCluster.mcpcluster.io "wrong" is invalid: ', '');
    assert.deepEqual(
      { code, told: status === 400 ? told.slice(told.indexOf('strict')) : told },
      { code: status, told: message },
    );
    const applied = await client
      .apply(MCP_CLUSTERS, wrong, { fieldManager: 'e2e' })
      .catch((cause: unknown) => cause);
    assert.ok(applied instanceof KubeError, 'server-side apply accepted it');
    assert.equal(
      await client.get(MCP_CLUSTERS, { namespace: NAMESPACE, name: 'wrong' }),
      undefined,
    );
  }),
);

async function withPaused(
  { client }: Arena,
  body: (stored: KubeObject) => Promise<void>,
): Promise<void> {
  const spec = { server, replicas: 3, voters: 3, paused: true };
  const stored = await client.create(MCP_CLUSTERS, mcpCluster('fixed', spec));
  try {
    await body(stored);
  } finally {
    await client.delete(MCP_CLUSTERS, { namespace: NAMESPACE, name: 'fixed' });
  }
}

const immutable = scenario('refused at change: what cannot change', (arena) =>
  withPaused(arena, async (stored) => {
    const spec = stored['spec'] as Record<string, object>;
    const change = (changed: object): Promise<KubeError> =>
      refusalOf(
        arena.client.patch(
          MCP_CLUSTERS,
          { namespace: NAMESPACE, name: 'fixed' },
          { type: 'merge', body: { spec: changed } },
        ),
      );
    const told = [
      await change({ storage: { size: '512Mi' } }),
      await change({ storage: { ...spec['storage'], storageClassName: 'fast' } }),
    ].map(({ message }) => message.replace('McpCluster.mcpcluster.io "fixed" is invalid: ', ''));
    assert.deepEqual(told, [
      'spec.storage.size: Invalid value: "512Mi": cannot be made smaller, from 1Gi to 512Mi: volumes only grow',
      'spec.storage.storageClassName: Forbidden: cannot be changed: the volumes exist already',
    ]);
  }),
);

/** What a spec that says nothing of it gets. */
const LOAD_BALANCING = {
  strategy: 'LeastConnections',
  affinity: 'Session',
  slowStart: '0s',
  weights: [],
  capabilities: [],
  stateHandles: [],
  consistentHash: { on: 'Session', loadFactorPercent: 125 },
  healthCheck: { interval: '1s', timeout: '500ms', unhealthyThreshold: 2, healthyThreshold: 1 },
  outlierDetection: {
    ...{ enabled: true, consecutiveErrors: 5, interval: '10s' },
    ...{ baseEjectionTime: '30s', maxEjectionTime: '5m', maxEjectionPercent: 10 },
    ...{ successRateMinimumHosts: 5, successRateRequestVolume: 100, successRateStdevFactor: 1_900 },
    ...{ failurePercentageThreshold: 85, panicThresholdPercent: 50 },
  },
  circuitBreaker: {
    ...{ enabled: false, window: 'Consecutive', failures: 5, calls: 20, samplingTime: '10s' },
    ...{ failurePercent: 50, openTime: '10s', halfOpenProbes: 1, perTool: false },
  },
  retryBudget: { percent: 20, min: 3 },
};

const defaults = scenario('defaults are filled in when a McpCluster is stored', (arena) =>
  withPaused(arena, async (stored) => {
    assert.deepEqual(stored['spec'], {
      replicas: 3,
      voters: 3,
      paused: true,
      server: {
        ...{ ...server, port: 3000, path: '/mcp', transport: 'StreamableHTTP' },
        stdio: { processes: 'PerSession', maxProcesses: 100, idleTimeout: '8h' },
      },
      gateway: {
        port: 8080,
        path: '/mcp',
        allowedOrigins: [],
        allowedHosts: [],
        limits: { bodyBytes: 4_194_304, headerBytes: 16_384, streamsPerSession: 16 },
        auth: { forwardToken: true, providers: [], rules: [] },
        rateLimits: [],
        requestTimeout: '1h',
      },
      loadBalancing: LOAD_BALANCING,
      bulkheads: [],
      sessions: {
        ...{ idleTimeout: '8h', max: 10_000 },
        resume: { events: 256, bytes: 1_048_576, replicas: 1 },
      },
      consensus: { heartbeatInterval: '50ms', electionTimeout: { min: '200ms', max: '400ms' } },
      gossip: { probeInterval: '200ms', probeTimeout: '100ms', suspicion: '600ms' },
      storage: { size: '1Gi', retention: { whenDeleted: 'Delete', whenScaled: 'Delete' } },
      podTemplate: {
        antiAffinity: 'Preferred',
        terminationGracePeriodSeconds: 30,
        topologySpreadConstraints: [
          {
            ...{ maxSkew: 1, topologyKey: 'topology.kubernetes.io/zone' },
            whenUnsatisfiable: 'ScheduleAnyway',
          },
        ],
      },
      update: { mode: 'Automatic', maxUnavailable: 1 },
      networkPolicy: { enabled: true, clients: [], ingress: [] },
      tls: { certificateDuration: '2160h', renewBefore: '720h' },
      fencedMembers: [],
      hibernated: false,
    });
  }),
);

const throughKubectl = kubectlScenario('apply says what is wrong', async (kubectl) => {
  const apply = async (spec: object): Promise<string> => {
    const input = JSON.stringify(mcpCluster('wrong', spec));
    const { code, stderr } = await kubectl.run('apply -f -', { input });
    assert.equal(code, 1);
    return stderr;
  };
  const voters = await apply({ server, replicas: 1, voters: 3 });
  assert.match(voters, /"wrong" is invalid: spec\.voters: .*3 voters need at least as many/);
  assert.match(
    await apply({ server: { ...server, imagee: 'x' } }),
    /unknown field "spec\.server\.imagee"/,
  );
  assert.match(await apply({ server: {} }), /spec\.server\.image: Required value/);
});

export const refusalScenarios = [...refusals, immutable, defaults, throughKubectl];
