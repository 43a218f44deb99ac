/** What the operator exports of McpClusters, and that none of it stays behind. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpCluster, McpClusterStatus } from '../../src/api/index.ts';
import { createClusterMetrics } from '../../src/operator/cluster-metrics.ts';
import { createCertificateAuthority } from '../../src/security/index.ts';
import { createMetrics } from '../../src/telemetry/index.ts';
import { verifies } from '../requirements.ts';
import { cluster } from './core/fixtures.ts';

const TIMES = { lastTransitionTime: '2026-01-01T00:00:00Z', reason: 'R', message: '' };

function status(leader: number, pods: number): McpClusterStatus {
  return {
    observedGeneration: 3,
    replicas: pods,
    readyReplicas: pods - 1,
    voters: 3,
    sessions: 17,
    term: 5,
    commitIndex: 100,
    leader: `tools-${leader}`,
    conditions: [{ type: 'Available', status: 'True', ...TIMES }],
    members: Array.from({ length: pods }, (_, ordinal) => ({
      name: `tools-${ordinal}`,
      role: ordinal === leader ? ('Leader' as const) : ('Follower' as const),
      ready: true,
      matchIndex: 100 - 10 * ordinal,
    })),
  };
}

const setup = () => {
  const metrics = createMetrics();
  const exported = async (): Promise<string[]> =>
    (await metrics.exposition())
      .split('\n')
      .filter((line) => line.startsWith('mcp_cluster_'))
      .map((line) => line.replace('namespace="team",name="tools"', '*'));
  return { clusterMetrics: createClusterMetrics(metrics), exported };
};

async function material() {
  const now = new Date('2026-01-01T00:00:00Z');
  const ca = await createCertificateAuthority({ commonName: 'ca', validityDays: 10, now });
  return { ca: ca.certificate, cert: ca.certificate, key: ca.key };
}

test('a cluster as the operator exports it', async () => {
  const { clusterMetrics, exported } = setup();
  clusterMetrics.observe(cluster(), status(0, 3));
  clusterMetrics.certificates(cluster(), await material());
  clusterMetrics.observe(cluster(), status(1, 3));
  assert.deepEqual(await exported(), [
    'mcp_cluster_status_condition{*,type="Available",status="True"} 1',
    'mcp_cluster_status_condition{*,type="Available",status="False"} 0',
    'mcp_cluster_status_condition{*,type="Available",status="Unknown"} 0',
    'mcp_cluster_info{*,image="docker.io/mcp/everything",transport="StreamableHTTP"} 1',
    'mcp_cluster_spec_paused{*} 0',
    'mcp_cluster_spec_hibernated{*} 0',
    'mcp_cluster_spec_replicas{*} 3',
    'mcp_cluster_replicas{*} 3',
    'mcp_cluster_ready_replicas{*} 2',
    'mcp_cluster_voters{*} 3',
    'mcp_cluster_members{*,role="leader"} 1',
    'mcp_cluster_members{*,role="follower"} 2',
    'mcp_cluster_members{*,role="candidate"} 0',
    'mcp_cluster_members{*,role="learner"} 0',
    'mcp_cluster_members{*,role="unknown"} 0',
    'mcp_cluster_log_lag_entries{*,pod="tools-0"} 0',
    'mcp_cluster_log_lag_entries{*,pod="tools-1"} 10',
    'mcp_cluster_log_lag_entries{*,pod="tools-2"} 20',
    'mcp_cluster_sessions{*} 17',
    'mcp_cluster_term{*} 5',
    'mcp_cluster_certificate_expiry_timestamp_seconds{*,certificate="authority"} 1768089600',
    'mcp_cluster_certificate_expiry_timestamp_seconds{*,certificate="operator"} 1768089600',
    'mcp_cluster_leader_changes_total{*} 1',
  ]);
});

test(verifies('metrics.go-with-their-resource'), async () => {
  const { clusterMetrics, exported } = setup();
  clusterMetrics.observe(cluster(), status(0, 4));
  assert.ok((await exported()).some((line) => line.includes('pod="tools-3"')));
  clusterMetrics.observe(cluster(), status(0, 3));
  assert.ok(!(await exported()).some((line) => line.includes('pod="tools-3"')), 'a pod that went');

  const { server } = cluster().spec;
  const other: McpCluster = { ...cluster({ server: { ...server, image: 'other:2' } }) };
  clusterMetrics.observe(other, status(0, 3));
  const infos = (await exported()).filter((line) => line.startsWith('mcp_cluster_info'));
  assert.deepEqual(infos, ['mcp_cluster_info{*,image="other:2",transport="StreamableHTTP"} 1']);

  clusterMetrics.certificates(cluster(), await material());
  const again = { ...cluster(), metadata: { ...cluster().metadata, uid: 'uid-2' } };
  clusterMetrics.observe(again, status(0, 3));
  clusterMetrics.forget('uid-1');
  assert.ok(
    (await exported()).length > 0,
    'the one that has its name now is not forgotten with it',
  );
  clusterMetrics.forget('uid-2');
  assert.deepEqual(await exported(), []);
});
