/** Policies from kubectl to the answers of the gateway: in force without a restart, wrong ones named, callers known. */
import assert from 'node:assert/strict';
import { MCP_CLUSTERS, type McpCluster } from '../../../src/api/index.ts';
import { RESOURCES } from '../../../src/kube/index.ts';
import { eventually } from '../../eventually.ts';
import { AUDIENCE, localCertificate, startIssuer } from '../../gateway/issuer.ts';
import type { Arena } from '../arena.ts';
import { NAMESPACE } from '../manifests.ts';
import { scenario, type Scenario } from '../scenario.ts';
import { SAMPLE, whole } from './cluster.ts';

const TOKEN = 'a-token-that-nobody-guesses';
/** Pods have a localhost of their own; this address of the machine they share with the test. */
const ISSUER = '127.0.0.77';
const PATIENCE_MS = 60_000;

const patch = ({ client }: Arena, spec: object) =>
  client.patch(
    MCP_CLUSTERS,
    { namespace: NAMESPACE, name: SAMPLE },
    { type: 'merge', body: { spec } },
  );

/** What an `initialize` is answered. */
async function initialize(url: string, token?: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 1,
      method: 'initialize',
      params: {
        protocolVersion: '2025-11-25',
        capabilities: {},
        clientInfo: { name: 'e2e', version: '1' },
      },
    }),
  });
  await response.text();
  return {
    status: response.status,
    retryAfter: response.headers.get('retry-after'),
    challenge: response.headers.get('www-authenticate'),
    sessionId: response.headers.get('mcp-session-id') ?? '',
  };
}

const reconciled = (cluster: McpCluster) =>
  cluster.status?.observedGeneration === cluster.metadata.generation
    ? cluster.status.conditions?.find(({ type }) => type === 'Reconciled')
    : undefined;

const podUids = async ({ client }: Arena): Promise<unknown[]> => {
  const { items } = await client.list(RESOURCES.pods, { namespace: NAMESPACE });
  return items.map(({ metadata }) => metadata.uid);
};

const live = scenario('a rate limit is in force at every pod without a restart', async (arena) => {
  const url = await arena.url(SAMPLE);
  const before = await podUids(arena);
  const limit = { name: 'one', match: { methods: ['initialize'] }, requests: 1, interval: '1h' };
  await patch(arena, { gateway: { rateLimits: [limit] } });
  const refused = await eventually(
    'the limit to be in force',
    async () => {
      const answer = await initialize(url);
      return answer.status === 429 ? answer : undefined;
    },
    PATIENCE_MS,
  );
  assert.notEqual(refused.retryAfter, null);
  await patch(arena, { gateway: { rateLimits: [] } });
  await eventually(
    'it to be gone',
    async () => (await initialize(url)).status === 200,
    PATIENCE_MS,
  );
  assert.deepEqual(await podUids(arena), before);
});

const unknownTool = scenario('a tool that the server does not have is named', async (arena) => {
  const bulkhead = { name: 'slow', match: { tools: ['echo', 'slow-tool'] }, maxConcurrent: 5 };
  await patch(arena, { bulkheads: [bulkhead] });
  const condition = await eventually(
    'the unknown tool',
    async () => {
      const found = reconciled(await arena.get(SAMPLE));
      return found?.reason === 'UnknownTool' ? found : undefined;
    },
    PATIENCE_MS,
  );
  assert.match(
    condition.message,
    /^spec\.bulkheads\[0\]\.match\.tools\[1\]: the server lists no tool "slow-tool"; it lists .*echo/,
  );
  await patch(arena, { bulkheads: [] });
  await eventually(
    'nothing to be wrong',
    async () => reconciled(await arena.get(SAMPLE))?.status === 'True',
    PATIENCE_MS,
  );
});

/** What is asked of each caller, and what each may do, at every pod. */
async function useRules(url: string, signed: string): Promise<void> {
  const refused = await initialize(url);
  assert.equal(refused.status, 401);
  assert.match(refused.challenge ?? '', /^Bearer resource_metadata="https:/);
  assert.match(
    (await initialize(url, 'unknown-token-0123456789')).challenge ?? '',
    /invalid_token/,
  );
  for (const [token, sum] of [
    [TOKEN, 403],
    [signed, 200],
  ] as const) {
    const { status, sessionId } = await initialize(url, token);
    assert.equal(status, 200);
    for (let count = 0; count < 3; count++) {
      const call = (name: string, args: object) => callTool(url, { token, sessionId, name, args });
      assert.equal(await call('echo', { message: 'x' }), 200);
      assert.equal(await call('get-sum', { a: 1, b: 2 }), sum);
      assert.equal(await call('get-env', {}), 403);
    }
    const asOther = { token: token === TOKEN ? signed : TOKEN, sessionId };
    assert.equal(await callTool(url, { ...asOther, name: 'echo', args: {} }), 404);
  }
}

interface ToolCall {
  readonly token: string;
  readonly sessionId: string;
  readonly name: string;
  readonly args: object;
}

/** The status of a call in a session. */
async function callTool(url: string, { token, sessionId, name, args }: ToolCall): Promise<number> {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId,
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 2,
      method: 'tools/call',
      params: { name, arguments: args },
    }),
  });
  await response.text();
  return response.status;
}

const callers = scenario(
  'tokens of a Secret are asked for once every pod has them',
  async (arena) => {
    const url = await arena.url(SAMPLE);
    const secretKeyRef = { name: 'callers', key: 'tokens' };
    const { ca, ...tls } = await localCertificate(ISSUER);
    const issuer = await startIssuer(() => Math.floor(Date.now() / 1000), { host: ISSUER, tls });
    const { url: iss, jwksUri } = issuer;
    const jwt = { issuer: iss, jwksUri, ca, audiences: [AUDIENCE], tenantClaim: 'sub' };
    await patch(arena, {
      gateway: {
        auth: {
          providers: [
            { name: 'file', tokenFile: { secretKeyRef } },
            { name: 'login', jwt },
          ],
          rules: [{ tools: ['get-sum'], groups: ['desk'] }, { tools: ['echo'] }],
          protectedResource: { resource: AUDIENCE, authorizationServers: [iss] },
        },
      },
    });
    await eventually(
      'the missing Secret to be named',
      async () => reconciled(await arena.get(SAMPLE))?.reason === 'SecretMissing',
      PATIENCE_MS,
    );
    await arena.client.create(RESOURCES.secrets, {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace: NAMESPACE, name: 'callers' },
      data: { tokens: Buffer.from(`${TOKEN} team\n`).toString('base64') },
    });
    await eventually(
      'callers without a token to be refused',
      async () => (await initialize(url)).status === 401,
      PATIENCE_MS,
    );
    await eventually(
      'the one with a token to be known at every pod',
      async () => {
        const answers = await Promise.all(Array.from({ length: 9 }, () => initialize(url, TOKEN)));
        return answers.every(({ status }) => status === 200);
      },
      PATIENCE_MS,
    );
    await useRules(url, await issuer.sign('alice', { groups: ['desk'] }));
    await issuer.stop();
    await patch(arena, {
      gateway: { auth: { providers: [], rules: [], protectedResource: null } },
    });
    await eventually(
      'everybody to be let in',
      async () => (await initialize(url)).status === 200,
      PATIENCE_MS,
    );
    await arena.client.delete(RESOURCES.secrets, { namespace: NAMESPACE, name: 'callers' });
    await eventually(
      'the pods to be replaced once more',
      async () => reconciled(await arena.get(SAMPLE))?.status === 'True',
      PATIENCE_MS,
    );
    await whole(arena);
  },
);

/** Rolling all pods twice takes its time on a busy machine. */
export const policyScenarios: readonly Scenario[] = [live, unknownTool, callers].map((each) => ({
  ...each,
  name: `policies: ${each.name}`,
  timeoutMs: 300_000,
}));
