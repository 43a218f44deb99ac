/** What a certificate allows: real connections with certificates of each role, and the services as members have them. */
import assert from 'node:assert/strict';
import { suite, test, type TestContext } from 'node:test';
import { serveAdmin } from '../../src/admin/index.ts';
import { createGrpcTransport } from '../../src/gossip/grpc-transport.ts';
import { systemClock as clock, systemRandom as random } from '../../src/host/index.ts';
import { services, type RpcServer } from '../../src/rpc/index.ts';
import { staticTls, type PeerIdentity, type TlsSource } from '../../src/security/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import {
  createAuthority,
  echoService,
  memberMaterial,
  testChannel,
  testServer,
} from './fixture.ts';

const CLUSTER = 'cluster-1';
const authority = await createAuthority();
const tlsAs = async (who: Omit<PeerIdentity, 'clusterId'>): Promise<TlsSource> =>
  staticTls(await memberMaterial(authority, CLUSTER, who));
const ROLES = {
  member: await tlsAs({ role: 'member', name: 'pod-1' }),
  operator: await tlsAs({ role: 'operator' }),
  backup: await tlsAs({ role: 'backup', name: 'pod-b' }),
  administrator: await tlsAs({ role: 'administrator' }),
  shared: await tlsAs({ role: 'shared' }),
};

async function serve(t: TestContext, add: (server: RpcServer) => void) {
  const metrics = createMetrics();
  const server = testServer(await tlsAs({ role: 'member', name: 'pod-0' }), { metrics });
  add(server);
  t.after(() => server.stop());
  const { port } = await server.listen();
  const channelOf = (tls: TlsSource) => {
    const channel = testChannel(tls, () => port);
    t.after(() => channel.close());
    return channel;
  };
  return { channelOf, metrics };
}

/** `yes` when the call came to its handler, whatever that said. */
async function isLetIn(call: Promise<unknown>): Promise<'yes' | 'no'> {
  return call.then(
    () => 'yes',
    (error: { code?: string }) => (error.code === 'permission-denied' ? 'no' : 'yes'),
  );
}

void suite('roles', () => {
  test(verifies('rpc.roles'), async (t) => {
    const { channelOf, metrics } = await serve(t, (server) => {
      // What the handlers need is not there: who is let in gets another error.
      serveAdmin(server, {} as Parameters<typeof serveAdmin>[1]);
      server.addService(echoService, {
        say: async ({ text }) => ({ text }),
        count: (_request, stream) => stream.end(),
        talk: (stream) => stream.end(),
      });
    });
    const streamed = (tls: TlsSource): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const onEnd = (error?: Error): void => (error === undefined ? resolve(0) : reject(error));
        channelOf(tls)
          .client(services.admin)
          .exportState({}, { onMessage: () => undefined, onEnd })
          .catch(reject);
      });
    const admin = (tls: TlsSource) => channelOf(tls).client(services.admin);
    const calls: Readonly<Record<string, (tls: TlsSource) => Promise<unknown>>> = {
      say: (tls) => channelOf(tls).client(echoService).say({ text: 'x' }),
      getStatus: (tls) => admin(tls).getStatus({}),
      exportState: streamed,
      importState: (tls) => admin(tls).importState({ entries: [] }),
      transferLeadership: (tls) => admin(tls).transferLeadership({ to: '' }),
      applyConfig: (tls) => admin(tls).applyConfig({ generation: 1, config: '{}' }),
      changeMembership: (tls) =>
        admin(tls).changeMembership({ changes: [], transition: 'auto', expected: null }),
      drain: (tls) => admin(tls).drain({ enabled: true }),
    };
    const mayCall: Readonly<Record<keyof typeof ROLES, readonly string[]>> = {
      member: ['say', 'getStatus'],
      operator: Object.keys(calls).filter((name) => name !== 'say'),
      administrator: Object.keys(calls).filter((name) => name !== 'say'),
      backup: ['getStatus', 'exportState', 'importState'],
      shared: Object.keys(calls),
    };
    for (const [role, tls] of Object.entries(ROLES)) {
      const letIn: string[] = [];
      for (const [name, call] of Object.entries(calls)) {
        if ((await isLetIn(call(tls))) === 'yes') letIn.push(name);
      }
      assert.deepEqual(letIn, mayCall[role as keyof typeof ROLES], role);
    }
    assert.match(await metrics.exposition(), /rpc_calls_denied_total\{method="drain"\} 2/);
  });

  test('who is no member is not taken for one, whatever name its certificate has', async (t) => {
    for (const role of ['operator', 'backup', 'administrator'] as const) {
      const server = testServer(ROLES[role]);
      t.after(() => server.stop());
      const { port } = await server.listen();
      const channel = testChannel(ROLES.member, () => port);
      t.after(() => channel.close());
      const told = new RegExp(`no member of the cluster but its ${role}`);
      await assert.rejects(channel.client(echoService).say({ text: 'x' }), told);
    }
  });

  test(`${verifies('rpc.sender-is-the-certificate')}: gossip`, async (t) => {
    const heard: string[] = [];
    const { channelOf } = await serve(t, (rpcServer) => {
      const transport = createGrpcTransport({
        ...{ rpcServer, tls: ROLES.member, clusterId: CLUSTER, clock, random },
      });
      transport.serve(async ({ from }) => {
        heard.push(from);
        return { from: 'pod-0', outcome: 'ok', records: [] };
      });
      t.after(() => transport.stop());
    });
    const say = (tls: TlsSource, from: string) =>
      channelOf(tls).client(services.gossip).exchange({ kind: 'news', from, records: [] });
    await say(ROLES.member, 'pod-1');
    await assert.rejects(say(ROLES.member, 'pod-2'), { code: 'permission-denied' });
    await assert.rejects(say(ROLES.backup, 'pod-b'), { code: 'permission-denied' });
    await say(ROLES.shared, 'pod-3');
    assert.deepEqual(heard, ['pod-1', 'pod-3']);
  });
});
