/** Where pods go, as a table. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  chooseNode,
  type Node,
  type Pod,
  type PodSpec,
} from '../../../src/devcluster/core/index.ts';
import { verifies } from '../../requirements.ts';

const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';

function node(name: string, zone: string, more: Partial<Node> = {}): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { [HOST]: name, [ZONE]: zone } },
    status: {
      allocatable: { cpu: '2', memory: '1Gi', pods: '3' },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
    ...more,
  };
}

const NODES = [node('a', '1'), node('b', '1'), node('c', '2')];

function pod(name: string, spec: Partial<PodSpec> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'n',
      uid: name,
      labels: { app: 'x' },
      ownerReferences: [
        { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 's', uid: 's', controller: true },
      ],
    },
    spec: { containers: [{ name: 'c' }], ...spec },
  };
}

const on = (nodeName: string, name = `on-${nodeName}`, spec: Partial<PodSpec> = {}): Pod =>
  pod(name, { nodeName, ...spec });
const term = (topologyKey: string) => ({
  topologyKey,
  labelSelector: { matchLabels: { app: 'x' } },
});
const away = (topologyKey: string): Partial<PodSpec> => ({
  affinity: {
    podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(topologyKey)] },
  },
});
const near = (topologyKey: string): Partial<PodSpec> => ({
  affinity: {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term(topologyKey)] },
  },
});
const asking = (resource: string, amount: string): Partial<PodSpec> => ({
  containers: [{ name: 'c', resources: { requests: { [resource]: amount } } }],
});
const tainted = node('t', '3', {
  spec: { taints: [{ key: 'k', value: 'v', effect: 'NoSchedule' }] },
});

test(verifies('devcluster.scheduler'), () => {
  const table: [string, Partial<PodSpec>, readonly Node[], readonly Pod[], string][] = [
    ['an empty cluster', {}, NODES, [], 'a'],
    ['spread over nodes', {}, NODES, [on('a')], 'c'],
    ['spread over zones first', {}, NODES, [on('a'), on('c')], 'b'],
    ['node selector', { nodeSelector: { [ZONE]: '2' } }, NODES, [], 'c'],
    ['anti-affinity by host', away(HOST), NODES, [on('a'), on('c')], 'b'],
    ['anti-affinity of the others', {}, NODES.slice(0, 2), [on('a', 'p', away(HOST))], 'b'],
    ['affinity goes where the others are', near(ZONE), NODES, [on('c')], 'c'],
    ['the first of a group may begin', near(ZONE), NODES, [], 'a'],
    [
      'requests',
      asking('cpu', '1500m'),
      NODES,
      [on('a', 'p', asking('cpu', '1')), on('c', 'q', asking('cpu', '1'))],
      'b',
    ],
    ['a toleration', { tolerations: [{ key: 'k', operator: 'Exists' }] }, [tainted], [], 't'],
    [
      'ended pods take no room',
      away(HOST),
      NODES.slice(0, 1),
      [{ ...on('a'), status: { phase: 'Failed' } }],
      'a',
    ],
  ];
  for (const [what, spec, nodes, pods, expected] of table)
    assert.equal(chooseNode({ pod: pod('new', spec), nodes, pods }).node, expected, what);
});

test('why a pod fits nowhere is counted by reason', () => {
  const refused = (spec: Partial<PodSpec>, nodes: readonly Node[], pods: readonly Pod[] = []) => {
    const result = chooseNode({ pod: pod('new', spec), nodes, pods });
    return result.node === undefined ? result.message : `went to ${result.node}`;
  };
  assert.equal(refused({}, []), 'no nodes available to schedule pods');
  assert.equal(
    refused(away(ZONE), NODES, [on('a'), on('c')]),
    "0/3 nodes are available: 3 node(s) didn't match pod anti-affinity rules.",
  );
  assert.equal(
    refused(asking('memory', '2Gi'), [
      ...NODES,
      tainted,
      node('u', '1', { spec: { unschedulable: true } }),
    ]),
    '0/5 nodes are available: 1 node(s) had untolerated taint {k: v}, 1 node(s) were unschedulable, 3 Insufficient memory.',
  );
  const unready = { status: { conditions: [{ type: 'Ready', status: 'False' as const }] } };
  assert.match(refused({}, [node('a', '1', unready)]), /1 node\(s\) were not ready/);
  const full = [on('a', '1'), on('a', '2'), on('a', '3')];
  assert.match(refused({}, NODES.slice(0, 1), full), /1 Too many pods/);
  const spread = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: ZONE,
        whenUnsatisfiable: 'DoNotSchedule' as const,
        labelSelector: { matchLabels: { app: 'x' } },
      },
    ],
    nodeSelector: { [ZONE]: '1' },
  };
  assert.match(refused(spread, NODES, [on('a')]), /topology spread constraints/);
});
