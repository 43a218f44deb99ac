/** What is shown on real nodes only, with real kubelets, by `npm run e2e -- --backend nodes`. */
import type { Requirement } from './requirement.ts';

export const nodes = {
  'nodes.install': {
    sentence: 'helm installs two operators, which run on two nodes, and one of them leads',
    source: 'feature bar 1; issue 6: chart; cloudnative-pg e2e: operator deployment',
  },
  'nodes.restricted': {
    sentence:
      'Operator and members run in namespaces that enforce the restricted level, with read-only root and without a token for the API',
    source: 'feature bar 6; Pod Security Standards; cloudnative-pg e2e: pod security',
  },
  'nodes.metrics': {
    sentence: 'Every pod of operator and members exports its metrics to whoever scrapes it',
    source: 'feature bar 17; cloudnative-pg e2e: metrics',
  },
  'nodes.fast-failover': {
    sentence:
      'The pod of an owner is deleted by force: its session goes on at another pod, and its successor waits for the volume',
    source: 'feature bar 14; cloudnative-pg e2e: fast failover',
  },
  'nodes.leader-failover': {
    sentence: 'The pod of the leader is deleted by force: another leads, and sessions go on',
    source: 'feature bar 14; cloudnative-pg e2e: failover',
  },
  'nodes.kill-node': {
    sentence:
      'A node dies with all that runs on it: calls fail for two seconds at most, no session is lost, and its pod comes back with the node, a voter again',
    source: 'feature bar 21; issue 6: node gone; cloudnative-pg e2e: fast failover',
  },
  'nodes.self-fencing': {
    sentence:
      'A pod that is cut off answers nobody for longer than its lease, nor after another pod answers for its sessions',
    source: 'feature bar 14; cloudnative-pg e2e: self-fencing',
  },
  'nodes.switchover': {
    sentence: 'The leader’s pod is deleted: another leads, and no call notices',
    source: 'feature bar 7; cloudnative-pg e2e: fast switchover',
  },
  'nodes.eviction': {
    sentence: 'The eviction API takes one pod of three and refuses the next until it is back',
    source: 'feature bar 16; cloudnative-pg e2e: eviction',
  },
  'nodes.drain': {
    sentence:
      'Two nodes are drained at the same time: pods leave one after the other, and no call notices',
    source: 'feature bar 16; cloudnative-pg e2e: drain node',
  },
  'nodes.operator-down': {
    sentence: 'Without an operator sessions fail over all the same; it repairs when it is back',
    source: 'feature bar 4; cloudnative-pg e2e: operator unavailable',
  },
  'nodes.operator-ha': {
    sentence: 'The leading operator’s pod dies: the other one leads and acts, and never do two',
    source: 'feature bar 14; cloudnative-pg e2e: operator high availability',
  },
  'nodes.fencing': {
    sentence: 'A fenced leader gives leadership and sessions away, and no call is lost',
    source: 'feature bar 13; cloudnative-pg e2e: fencing',
  },
  'nodes.lost-volume': {
    sentence:
      'A pod and its volume are lost: another member learns, is promoted, and takes its place',
    source: 'feature bar 11; cloudnative-pg e2e: PVC deletion',
  },
  'nodes.anti-affinity': {
    sentence:
      'A new template rolls through the pods without a lost call, and required anti-affinity leaves one pod to a node',
    source: 'feature bar 16; cloudnative-pg e2e: rolling update, affinity',
  },
  'nodes.bad-image': {
    sentence:
      'A new image that does not exist stops after one pod, is told, and the old spec mends it',
    source: 'feature bar 7; cloudnative-pg e2e: rolling update',
  },
  'nodes.unschedulable': {
    sentence:
      'A pod that no node takes is told with the scheduler’s words, and a toleration is enough',
    source: 'feature bar 2; cloudnative-pg e2e: tolerations, pending pods',
  },
  'nodes.memory': {
    sentence:
      'A server that takes more memory than it may is ended by the kernel, and the condition says why',
    source: 'feature bar 2; cloudnative-pg e2e: probes',
  },
  'nodes.storage': {
    sentence:
      'Volumes grow where the storage class lets them, and where it does not, the condition says so',
    source: 'feature bar 11; cloudnative-pg e2e: storage expansion',
  },
  'nodes.plugin': {
    sentence:
      'kubectl mcp shows, promotes, collects logs and a report that holds no secret, through the API server alone',
    source: 'feature bar 19; issue 6: status',
  },
  'nodes.scaling': {
    sentence:
      'Three pods become five and three again: voters follow, volumes go with their pods, no session and no call is lost',
    source: 'feature bar 10; cloudnative-pg e2e: scaling',
  },
  'nodes.recovery': {
    sentence:
      'Two volumes of three are lost: the condition holds the command that begins the cluster anew from the third, with its sessions',
    source: 'feature bar 20; issue 6: quorum loss',
  },
  'nodes.rotation': {
    sentence:
      'Another authority and certificates of it come into force while clients call: no call fails, and a pod that comes after is let in',
    source: 'feature bar 6; cloudnative-pg e2e: certificates',
  },
  'nodes.hung-server': {
    sentence:
      'A server that stands still is left out and told within seconds, other sessions notice nothing, and its own go on once its pod is deleted',
    source: 'feature bar 21; cloudnative-pg e2e: probes',
  },
  'nodes.webhook': {
    sentence:
      'The webhook of the chart refuses at kubectl apply; while no operator answers, a McpCluster can be deleted all the same',
    source: 'feature bar 6; cloudnative-pg e2e: webhook',
  },
  'nodes.hibernation': {
    sentence: 'A cluster sleeps without pods and wakes up with its sessions',
    source: 'feature bar 13; cloudnative-pg e2e: hibernation',
  },
  'nodes.upgrade': {
    sentence:
      'helm upgrade to another image: new operators, then every pod with the new sidecar, and no call is lost',
    source: 'feature bar 8; cloudnative-pg e2e: operator upgrade',
  },
} as const satisfies Record<string, Requirement>;
