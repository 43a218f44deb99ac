/** What a real API server answers to good and bad McpClusters; skipped unless KUBEBUILDER_ASSETS is set. */
import assert from 'node:assert/strict';
import { after, before, suite, test } from 'node:test';
import { KubeError, type KubeObject } from '../../src/kube/index.ts';
import { MCP_CLUSTERS } from '../../src/api/index.ts';
import {
  readCluster,
  skip,
  startRealApi,
  userCluster,
  type RealApi,
} from '../operator/real-api.ts';
import { verifies } from '../requirements.ts';

const NAMESPACE = 'default';
const server = { image: 'x', port: 3001 };

/** Spec fields (over a valid one), the path the refusal names, and what it says of value and rule. */
const REFUSED: readonly [spec: Record<string, unknown>, path: string, says: RegExp][] = [
  [{ replicas: 'three' }, 'spec.replicas', /must be of type integer: "string"/],
  [{ replicas: 0 }, 'spec.replicas', /0.*greater than or equal to 1/],
  [{ replicas: 100 }, 'spec.replicas', /100.*less than or equal to 99/],
  [{ voters: 4, replicas: 5 }, 'spec.voters', /4: supported values: "1", "3", "5", "7"/],
  [{ voters: 5, replicas: 3 }, 'spec.voters', /5 voters need at least as many replicas/],
  [{ nonsense: true }, 'spec.nonsense', /unknown field/],
  [{ server: { ...server, imag: 'y' } }, 'spec.server.imag', /unknown field/],
  [{ server: { port: 3001 } }, 'spec.server.image', /Required value/],
  [{ server: { ...server, image: '' } }, 'spec.server.image', /at least 1 chars/],
  [{ server: { ...server, port: 8080 } }, 'spec.server.port', /must differ from gateway.port/],
  [{ server: { ...server, port: 7000 } }, 'spec.server.port', /7000.*8081, 7000, 9090/],
  [{ server: { ...server, path: 'mcp' } }, 'spec.server.path', /"mcp" is not an absolute URL path/],
  [
    { server: { ...server, transport: 'Stdio' } },
    'spec.server.transport',
    /"Stdio".*StreamableHTTP/,
  ],
  [
    { server: { ...server, resources: { limits: { memory: 'much' } } } },
    'spec.server.resources.limits[memory]',
    /"much" is not a quantity/,
  ],
  [
    {
      server: {
        ...server,
        env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'x' } } }],
      },
    },
    'spec.server.env[0]',
    /value and valueFrom exclude each other/,
  ],
  [
    { server: { ...server, env: [{ name: 'A', valueFrom: {} }] } },
    'spec.server.env[0].valueFrom',
    /exactly one of/,
  ],
  [{ gateway: { port: 9090 } }, 'spec.gateway.port', /9090/],
  [
    { gateway: { allowedOrigins: ['example.com'] } },
    'spec.gateway.allowedOrigins[0]',
    /"example.com" is not \* or an origin/,
  ],
  [{ gateway: { limits: { bodyBytes: 1 } } }, 'spec.gateway.limits.bodyBytes', /1: .*1024/],
  [{ sessions: { idleTimeout: 'soon' } }, 'spec.sessions.idleTimeout', /"soon" is not a duration/],
  [{ sessions: { idleTimeout: 3600 } }, 'spec.sessions.idleTimeout', /must be of type string/],
  [
    { sessions: { idleTimeout: '999h' } },
    'spec.sessions.idleTimeout',
    /"999h" is not between 1s and 720h/,
  ],
  [
    { consensus: { heartbeatInterval: '150ms' } },
    'spec.consensus.electionTimeout',
    /electionTimeout.min 200ms must be at least twice heartbeatInterval 150ms/,
  ],
  [
    { consensus: { electionTimeout: { min: '400ms', max: '400ms' } } },
    'spec.consensus.electionTimeout',
    /min 400ms must be shorter than electionTimeout.max 400ms/,
  ],
  [
    { gossip: { probeTimeout: '1s' } },
    'spec.gossip.probeTimeout',
    /probeTimeout 1s must be shorter than probeInterval 200ms/,
  ],
  [
    { gossip: { suspicion: '100ms' } },
    'spec.gossip.suspicion',
    /suspicion 100ms must be at least probeInterval 200ms/,
  ],
  [{ storage: { size: 'large' } }, 'spec.storage.size', /"large" is not a quantity/],
  [{ storage: { size: '-1Gi' } }, 'spec.storage.size', /"-1Gi" is not a quantity/],
  [
    { podTemplate: { volumes: [{ name: 'data', emptyDir: {} }] } },
    'spec.podTemplate.volumes[0].name',
    /volumes of the sidecar/,
  ],
  [
    { podTemplate: { volumes: [{ name: 'mine' }] } },
    'spec.podTemplate.volumes[0]',
    /exactly one of/,
  ],
];

void suite('McpCluster at a real API server', { skip }, () => {
  let api: RealApi;
  before(async () => {
    api = await startRealApi(false);
  });
  after(() => api?.stop());

  const refusal = async (object: KubeObject): Promise<string> => {
    const refused = await api.client.create(MCP_CLUSTERS, object, { dryRun: true }).then(
      () => assert.fail(`accepted: ${JSON.stringify(object['spec'])}`),
      (error: unknown) => error,
    );
    assert.ok(refused instanceof KubeError, String(refused));
    assert.ok([400, 422].includes(refused.status), refused.message);
    return refused.message;
  };

  test(verifies('api.bad-input'), async (t) => {
    for (const [spec, path, says] of REFUSED) {
      await t.test(`${path}: ${JSON.stringify(spec)}`, async () => {
        const message = await refusal(userCluster(NAMESPACE, 'bad', spec));
        assert.ok(message.includes(path), message);
        assert.match(message, says);
      });
    }
  });

  test('a name that no Service can have is refused', async () => {
    assert.match(
      await refusal(userCluster(NAMESPACE, '1abc')),
      /metadata.name.*start with a letter/,
    );
    assert.match(await refusal(userCluster(NAMESPACE, 'a'.repeat(53))), /metadata.name/);
  });

  test(verifies('api.defaults'), async () => {
    const { client } = api;
    await client.create(
      MCP_CLUSTERS,
      userCluster(NAMESPACE, 'defaults', { server: { image: 'x' } }),
    );
    const { spec } = await readCluster(client, NAMESPACE, 'defaults');
    assert.equal(spec.replicas, 3);
    assert.equal(spec.voters, undefined);
    assert.equal(spec.server.port, 3000);
    assert.equal(spec.server.path, '/mcp');
    assert.deepEqual(spec.consensus, {
      heartbeatInterval: '50ms',
      electionTimeout: { min: '200ms', max: '400ms' },
    });
    assert.equal(spec.gateway.limits.streamsPerSession, 16);
    assert.equal(spec.sessions.resume.events, 256);
    assert.equal(spec.storage.size, '1Gi');
    assert.equal(spec.podTemplate.antiAffinity, 'Preferred');
  });

  test(verifies('api.immutable'), async () => {
    const { client } = api;
    const name = 'fixed';
    const patch = (spec: Record<string, unknown>) =>
      client.patch(MCP_CLUSTERS, { namespace: NAMESPACE, name }, { type: 'merge', body: { spec } });
    await client.create(
      MCP_CLUSTERS,
      userCluster(NAMESPACE, name, {
        replicas: 5,
        voters: 3,
        storage: { storageClassName: 'fast' },
      }),
    );
    const table: readonly [Record<string, unknown>, RegExp][] = [
      [{ voters: 5 }, /spec.voters.*voters of a running cluster are fixed/],
      [{ voters: null }, /spec.voters.*voters of a running cluster are fixed/],
      [{ storage: { size: '2Gi' } }, /spec.storage.size.*cannot be changed from 1Gi to 2Gi/],
      [
        { storage: { storageClassName: 'slow' } },
        /spec.storage.storageClassName.*cannot be changed/,
      ],
      [{ storage: { storageClassName: null } }, /spec.storage.storageClassName.*cannot be changed/],
    ];
    for (const [spec, says] of table) {
      await assert.rejects(patch(spec), (error: unknown) => says.test((error as Error).message));
    }
    await patch({ replicas: 3, server: { image: 'y' } });
  });

  test('voters that the status has recorded cannot be contradicted later', async () => {
    const { client } = api;
    const ref = { namespace: NAMESPACE, name: 'recorded' };
    await client.create(MCP_CLUSTERS, userCluster(NAMESPACE, ref.name, { replicas: 5 }));
    const status = { voters: 3 };
    await client.patch(MCP_CLUSTERS, ref, {
      type: 'merge',
      body: { status },
      subresource: 'status',
    });
    const contradict = client.patch(MCP_CLUSTERS, ref, {
      type: 'merge',
      body: { spec: { voters: 5 } },
    });
    await assert.rejects(contradict, /spec.voters/);
    await client.patch(MCP_CLUSTERS, ref, { type: 'merge', body: { spec: { voters: 3 } } });
  });

  test('the scale subresource reads and writes replicas, within the rules', async () => {
    const { client } = api;
    const ref = { namespace: NAMESPACE, name: 'scaled' };
    await client.create(MCP_CLUSTERS, userCluster(NAMESPACE, ref.name, { replicas: 3, voters: 3 }));
    const scale = (replicas: number) =>
      client.patch(MCP_CLUSTERS, ref, {
        type: 'merge',
        body: { spec: { replicas } },
        subresource: 'scale',
      });
    await scale(5);
    assert.equal((await readCluster(client, NAMESPACE, ref.name)).spec.replicas, 5);
    await assert.rejects(scale(1), /3 voters need at least as many replicas/);
  });
});
