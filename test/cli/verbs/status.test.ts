/** What people see of a cluster, as text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { McpClusterStatus } from '../../../src/api/index.ts';
import { clusterLines, statusLines } from '../../../src/cli/core/status-text.ts';
import { statusView, type StatusFacts } from '../../../src/cli/core/status-view.ts';
import { defaultedSpec } from '../../api/defaulted.ts';
import { cluster } from '../../operator/core/fixtures.ts';
import { verifies } from '../../requirements.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const ageMs = (instant: string): number => NOW - Date.parse(instant);

const condition = (type: string, status: string, reason: string, message: string) =>
  ({ type, status, reason, message, lastTransitionTime: '2026-03-01T11:57:00Z' }) as NonNullable<
    McpClusterStatus['conditions']
  >[number];

const HEALTHY: McpClusterStatus = {
  observedGeneration: 4,
  phase: 'Running',
  replicas: 3,
  readyReplicas: 3,
  voters: 3,
  leader: 'tools-0',
  term: 7,
  commitIndex: 120,
  sessions: 9,
  endpoint: 'http://tools.team.svc:8080/mcp',
  members: [0, 1, 2].map((ordinal) => ({
    name: `tools-${ordinal}`,
    role: ordinal === 0 ? ('Leader' as const) : ('Follower' as const),
    membership: 'Voter' as const,
    ready: true,
    health: 'Alive' as const,
    matchIndex: 120 - ordinal,
    sessions: 3,
    version: '0.1.0',
  })),
  conditions: [
    condition('Available', 'True', 'Serving', '3 of 3 pods serve clients'),
    condition('Progressing', 'False', 'Settled', 'pods are as the spec asks'),
    condition('Degraded', 'False', 'Healthy', 'no pod has a problem'),
    condition('QuorumHealthy', 'True', 'AllVoters', '3 of 3 voters follow, leader tools-0'),
    condition('Reconciled', 'True', 'Applied', 'every object is as the spec asks'),
  ],
};

function drawn(status: McpClusterStatus, more: Partial<StatusFacts> = {}): string {
  const view = statusView({
    cluster: cluster({}, status),
    pods: [0, 1, 2].map((each) => ({
      name: `tools-${each}`,
      node: `node-${each}`,
      restarts: each,
    })),
    zones: new Map([['node-0', 'a']]),
    expiries: [],
    flags: ' -n team',
    ...more,
  });
  return statusLines(view, ageMs).join('\n');
}

test(verifies('verbs.status'), async (t) => {
  await t.test('all is well', () => {
    const expiries = [{ what: 'Certificate CN=tools', endsAt: '2026-03-21T12:00:00Z' }];
    assert.equal(
      drawn(HEALTHY, { expiries }),
      `team/tools: Running
Leads     tools-0 in term 7
Pods      3 of 3 ready, 3 vote, 9 sessions
Server    docker.io/mcp/everything
Endpoint  http://tools.team.svc:8080/mcp

MEMBER   ROLE      PART   READY  HEALTH  LAG  SESSIONS  VERSION  NODE    ZONE  RESTARTS
tools-0  Leader    Voter  yes    Alive   0    3         0.1.0    node-0  a     0
tools-1  Follower  Voter  yes    Alive   1    3         0.1.0    node-1        1
tools-2  Follower  Voter  yes    Alive   2    3         0.1.0    node-2        2

All conditions are as they should be.
Certificate CN=tools ends 2026-03-21T12:00:00Z, in 20d`,
    );
  });

  await t.test('backups, and since when it leads', () => {
    const spec = defaultedSpec({
      ...{ server: { image: 'docker.io/mcp/everything', port: 3001 } },
      backup: { schedule: '0 3 * * *', volume: { size: '1Gi' } },
    });
    const asked = (status: McpClusterStatus): string =>
      drawn(status, { cluster: cluster(spec, status) });
    const waiting = condition('BackupHealthy', 'Unknown', 'Waiting', 'there is none yet');
    const young = asked({ ...HEALTHY, conditions: [waiting] });
    assert.match(young, /^Backup +none yet$/m);
    assert.match(young, /All conditions are as they should be/);
    const text = asked({
      ...HEALTHY,
      leaderSince: '2026-03-01T11:00:00Z',
      backup: { lastSuccessTime: '2026-03-01T03:00:00Z' },
      conditions: [condition('BackupHealthy', 'False', 'BackupFailed', 'disk full')],
    });
    assert.match(text, /^Leads +tools-0 in term 7 for 60m$/m);
    assert.match(text, /^Backup +2026-03-01T03:00:00Z, 9h ago$/m);
    assert.match(text, /^ {2}next: kubectl mcp backup tools -n team$/m);
  });

  await t.test('an update waits for somebody, and the spec has changed since', () => {
    const [first, ...others] = HEALTHY.members ?? [];
    const text = drawn({
      ...HEALTHY,
      observedGeneration: 3,
      phase: 'Updating',
      targetLeader: 'tools-1',
      members: first === undefined ? [] : [{ ...first, blockedBy: 'approval' }, ...others],
      conditions: [
        condition('Progressing', 'True', 'WaitingForApproval', '1 pod is to be replaced'),
      ],
    });
    assert.match(
      text,
      /^team\/tools: Updating \(the operator has not seen the latest change yet\)$/m,
    );
    assert.match(text, /^Leads +tools-0 in term 7, tools-1 is to$/m);
    assert.match(text, /^MEMBER .*WAITS FOR$/m);
    assert.match(text, /^tools-0 .* approval$/m);
    assert.ok(
      text.includes(`Progressing is True (WaitingForApproval) for 3m: 1 pod is to be replaced
  next: kubectl mcp approve tools -n team`),
      text,
    );
  });

  await t.test('the majority is gone: the command names the member to trust', () => {
    const message = `left: tools-2; should the others be gone for good: kubectl patch -p '{"spec":{"recovery":{"id":"recovery-4","trustMember":"tools-2"}}}'`;
    const { leader: _, term: _term, ...rest } = HEALTHY;
    const text = drawn({
      ...rest,
      conditions: [condition('QuorumHealthy', 'False', 'QuorumLost', message)],
    });
    assert.match(text, /^Leads +nobody in term \?$|^Leads +nobody$/m);
    assert.match(text, /^ {2}next: kubectl mcp recover tools tools-2 -n team$/m);
  });

  await t.test('a sick pod: its own words, and where to read more', () => {
    const [first, ...others] = HEALTHY.members ?? [];
    const sick = { ...first, name: 'tools-0', role: 'Unknown', ready: false } as const;
    const text = drawn({
      ...HEALTHY,
      members: [{ ...sick, message: 'server exited with 1' }, ...others],
      conditions: [condition('Degraded', 'True', 'ServerCrashing', 'tools-0: it crashes')],
    });
    assert.match(text, /^ {2}tools-0: server exited with 1$/m);
    assert.match(text, /^ {2}next: kubectl mcp logs tools tools-0 -n team$/m);
  });

  await t.test('what helps two conditions is said once', () => {
    const conditions = (['Available', 'QuorumHealthy'] as const).map((type) =>
      condition(type, 'False', 'Hibernated', 'it sleeps'),
    );
    const text = drawn({ ...HEALTHY, phase: 'Hibernated', conditions });
    assert.equal(text.match(/next: kubectl mcp wake tools -n team/g)?.length, 1);
    assert.match(text, /^QuorumHealthy is False/m);
  });

  await t.test('nobody has looked at it', () => {
    assert.match(drawn({}), /^Reconciled is Unknown \(NotSeen\) for \?: no operator has looked/m);
  });

  await t.test('many clusters in a table', () => {
    const views = [HEALTHY, { ...HEALTHY, phase: 'Paused' as const }].map((status, index) =>
      statusView({
        cluster: { ...cluster({}, status), metadata: { ...cluster().metadata, name: `c${index}` } },
        pods: [],
        zones: new Map(),
        expiries: [],
        flags: '',
      }),
    );
    assert.deepEqual(clusterLines(views, true), [
      'NAMESPACE  NAME  PODS  READY  LEADER   SESSIONS  PHASE    NOT AS IT SHOULD BE',
      'team       c0    3     3      tools-0  9         Running',
      'team       c1    3     3      tools-0  9         Paused',
    ]);
  });
});
