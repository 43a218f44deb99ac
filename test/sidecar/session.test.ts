/** Sessions without Kubernetes: three sidecars, each with its own MCP server, and the death of the one that owns a session. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifies } from '../requirements.ts';
import { startStandalonePods, type StandalonePod } from './standalone-pods.ts';

const { pods: start } = await startStandalonePods();

async function owned(pod: StandalonePod): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${pod.cluster}/metrics`)).text();
  return Number(/^mcp_cluster_gateway_sessions_owned(?:\{[^}]*\})? (\d+)/m.exec(text)?.[1] ?? 0);
}

test(verifies('sidecar.standalone.session'), async () => {
  const pods = await start('n');
  const session = await pods[0].open();
  for (const pod of pods) await pod.call(session);

  const served = await Promise.all(pods.map(owned));
  const owner = pods[served.indexOf(1)];
  assert.ok(owner, `one member owns the session: ${JSON.stringify(served)}`);
  owner.kill();
  for (const pod of pods) if (pod !== owner) await pod.call(session);
});
