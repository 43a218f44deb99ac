/** Sessions without Kubernetes: three sidecars, each with its own MCP server, and the death of the one that owns a session. */
import assert from 'node:assert/strict';

import { join } from 'node:path';
import { test } from 'node:test';
import { eventually } from '../eventually.ts';
import { verifies } from '../requirements.ts';
import { startChildren } from './children.ts';
import { freePorts } from '../free-ports.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const VERSION = '2025-06-18';
const { folder, start } = await startChildren('sidecar-session');

interface Pod {
  readonly id: string;
  readonly gateway: number;
  readonly cluster: number;
  kill(): void;
}

async function startPods(): Promise<Pod[]> {
  const ids = ['n1', 'n2', 'n3'];
  const ports = await freePorts(ids.length * 4);
  const of = (i: number): [number, number, number, number] =>
    ports.slice(i * 4, i * 4 + 4) as [number, number, number, number];
  const peers = ids.map((id, i) => `${id}@127.0.0.1:${of(i)[0]}`).join();
  return ids.map((id, i) => {
    const [cluster, gateway, gatewayPeer, upstream] = of(i);
    const server = start([join(ROOT, 'test', 'fixtures', 'mcp-server', 'main.ts')], {
      PORT: String(upstream),
    });
    const sidecar = start(
      [
        ...[join(ROOT, 'src', 'cli', 'main.ts'), 'sidecar', '--node-id', id, '--peers', peers],
        ...['--cluster-port', String(cluster), '--advertise-addr', `127.0.0.1:${cluster}`],
        ...['--session-db-path', folder, '--upstream', `http://127.0.0.1:${upstream}/mcp`],
        ...['--gateway-port', String(gateway), '--gateway-peer-port', String(gatewayPeer)],
      ],
      {},
    );
    const kill = (): void => {
      sidecar.kill('SIGKILL');
      server.kill('SIGKILL');
    };
    return { id, gateway, cluster, kill };
  });
}

async function send(
  pod: Pod,
  body: object,
  session?: string,
): Promise<{ id: string; text: string }> {
  const response = await fetch(`http://localhost:${pod.gateway}/mcp`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session === undefined
        ? {}
        : { 'mcp-session-id': session, 'mcp-protocol-version': VERSION }),
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...body }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${response.status}: ${text}`);
  return { id: response.headers.get('mcp-session-id') ?? '', text };
}

async function owned(pod: Pod): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${pod.cluster}/metrics`)).text();
  return Number(/^mcp_cluster_gateway_sessions_owned(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
}

test(verifies('sidecar.standalone.session'), async () => {
  const pods = await startPods();
  await eventually(
    'every member to be ready',
    async () => {
      const answers = await Promise.all(
        pods.map(({ cluster }) => fetch(`http://127.0.0.1:${cluster}/readyz`)),
      );
      return answers.every(({ ok }) => ok);
    },
    60_000,
  );
  const params = {
    protocolVersion: VERSION,
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  };
  const { id } = await send(pods[0] as Pod, { id: 0, method: 'initialize', params });
  await send(pods[0] as Pod, { method: 'notifications/initialized' }, id);
  // Says which tools may be called again when an answer got lost: this one is read-only.
  await send(pods[0] as Pod, { id: 100, method: 'tools/list' }, id);
  const call = { method: 'tools/call', params: { name: 'test_simple_text', arguments: {} } };
  for (const [number, pod] of pods.entries()) {
    const { text } = await send(pod, { id: number + 1, ...call }, id);
    assert.match(text, /This is a simple text response/, `through ${pod.id}`);
  }

  const served = await Promise.all(pods.map(owned));
  const owner = pods[served.indexOf(1)];
  assert.ok(owner, `one member owns the session: ${JSON.stringify(served)}`);
  owner.kill();
  for (const [number, pod] of pods.filter((one) => one !== owner).entries()) {
    const { text } = await send(pod, { id: number + 10, ...call }, id);
    assert.match(text, /This is a simple text response/, `through ${pod.id} after the death`);
  }
});
