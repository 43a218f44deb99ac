/** What `api`, `operator` and what installs them guarantee. */
import type { Requirement } from './requirement.ts';

export const operator = {
  'operator.pods-hand-over-first': {
    sentence:
      'A pod that is deleted from outside hands its sessions over before its server gets a signal: the sidecar is told by a file of its own, the server is held back by a read-only request, and the grace period leaves time for both to stop',
    source: 'issue 6: node drain; feature bar 16; KEP-753; kubelet, killContainer',
  },
  'operator.cut-node': {
    sentence:
      'When a node is cut off, calls through the Service fail for two seconds at most, and no session is lost',
    source: 'issue 6: traffic follows the truth; measured on real nodes only',
  },
  'operator.hand-over': {
    sentence: 'Before a pod is replaced its sessions are elsewhere, and a leader lets another lead',
    source: 'issue 6: rolling update',
  },
  'operator.supervised': {
    sentence:
      'A supervised update stops before the leader until somebody approves the revision in force',
    source: 'cloudnative-pg: primaryUpdateStrategy supervised',
  },
  'operator.fenced': {
    sentence: 'A fenced member runs and holds the log, gets no clients, and stands in nobody’s way',
    source: 'cloudnative-pg: fencing',
  },
  'operator.hibernated': {
    sentence: 'A hibernated cluster has no pods and keeps its volumes; it comes back with them',
    source: 'cloudnative-pg: declarative hibernation',
  },
  'operator.maintenance-window': {
    sentence: 'Outside the window of maintenance only pods that do not work are replaced',
    source: 'issue 6',
  },
  'operator.lost-node': {
    sentence:
      'A pod is deleted by force only when it is to go, its time is over, a quorum found it dead, and its lease has ended',
    source: 'issue 6: node gone',
  },
  'operator.eviction-quorum': {
    sentence: 'As many pods may be evicted as the quorum can spare voters that follow',
    source: 'facts/kubernetes 1.5, PDB',
  },
  'operator.volumes-grow': {
    sentence: 'Volumes grow with the spec, and the pods that use them are not touched for it',
    source: 'RabbitMQ cluster operator, ECK: StatefulSet made anew without its pods',
  },
  'api.bad-input': {
    sentence: 'A wrong McpCluster is refused at apply with field path, value and rule',
    source: 'design',
  },
  'api.defaults': {
    sentence: 'A McpCluster that names only an image is complete after defaulting',
    source: 'design',
  },
  'api.samples': {
    sentence: 'Every sample is taken by an API server as it stands',
    source: 'design',
  },
  'api.immutable': {
    sentence:
      'The storage class of a running cluster cannot be changed, and its volumes cannot shrink; its voters can be changed',
    source: 'design',
  },
  'operator.policies': {
    sentence:
      "What the spec says of balancing, health, bulkheads, rates and auth is what the gateway takes, and a spec that says nothing gives the gateway's defaults",
    source: 'issue 5',
  },
  'operator.policies-live': {
    sentence: 'A changed policy reaches the members without a restart of any pod',
    source: 'issue 5',
  },
  'operator.auth-order': {
    sentence: 'Members are told to ask for tokens only when every pod can know them',
    source: 'design: a pod that cannot know callers refuses all of them',
  },
  'operator.spec-problems': {
    sentence:
      'What is wrong with a spec and cannot be known at apply is a condition that names the field: Secrets, rights, capabilities, tools',
    source: 'issue 5: bad input',
  },
  'operator.request-state-key': {
    sentence:
      'Servers that ask for one share a key, which is rotated; those that take two accept every key that any of them signs with',
    source: 'issue 5: multi-round-trip requests on any replica',
  },
  'operator.auth-mounts': {
    sentence:
      'The sidecar, and only it, gets the Secrets with tokens, and a token of its own only to ask the API server about callers',
    source: 'issue 5: security by default',
  },
  'operator.least-privilege': {
    sentence: 'The rights in the install manifests are enough, and hold no wildcard',
    source: 'CIS Kubernetes Benchmark 5.1',
  },
  'operator.watch-namespaces': {
    sentence: 'An operator told to watch some namespaces acts in these and in no other',
    source: 'issue 6: Role per watched namespace',
  },
  'operator.start-problems': {
    sentence:
      'An operator that cannot reach the API server, or lacks its roles, says so in a line and what to do',
    source: 'design: every error says what to do next',
  },
  'operator.standby-ready': {
    sentence:
      'An operator that waits for the Lease is ready, so that the rollout of its own Deployment ends',
    source: 'Kubernetes: a Deployment removes an old pod when a new one is ready',
  },
  'operator.config-hash': {
    sentence: 'Pods are replaced only for a change that they cannot take over while running',
    source: 'design',
  },
  'operator.size-from-spec': {
    sentence: 'The size of a cluster follows its spec, never what happens to be there',
    source: 'issue 6; etcd-io/etcd-operator#193',
  },
  'operator.lost-volume': {
    sentence:
      'A pod that lost its volume is another member: the old one is taken out, the new one learns and is promoted',
    source: 'issue 6: a replaced volume is a new member id',
  },
  'operator.unusable-data': {
    sentence:
      'A member whose data cannot be used, or differ from what a majority agreed on, is replaced by one with an empty volume',
    source: 'issue 6: self-healing; bitnami/charts#901',
  },
  'operator.recovery': {
    sentence:
      'The loss of a majority is reported with who is left and the command to begin again from one of them; that is done once when it is asked for, never by itself, and never while there is a majority',
    source: 'issue 6: quorum loss',
  },
  'operator.membership-steps': {
    sentence:
      'The members follow the spec by one small change at a time: newcomers learn, catch up and are promoted; who goes hands over, leaves, and only then loses pod and volume',
    source: 'issue 6: changes to a quorum are safe; facts/kubernetes 1.4',
  },
  'operator.membership-crash': {
    sentence:
      'An operator that dies at every second of its writes and calls, before they are sent or before the answer, brings the members to what the spec asks for all the same',
    source: 'issue 6: crash-safe between every two steps (kill the operator there)',
  },
  'operator.membership-converges': {
    sentence:
      'Whatever is lost between two steps, the members come to be what the spec asks for, and no step takes the quorum away',
    source: 'issue 6: crash-safe between every two steps',
  },
  'operator.rollout-quorum': {
    sentence: 'A rollout never takes a healthy majority of voters away',
    source: 'Strimzi KafkaQuorumCheck; facts/kubernetes 1.3',
  },
  'operator.news': {
    sentence: 'What one sidecar tells makes the operator ask all of them at once',
    source: 'design',
  },
  'identity.who-gets-a-certificate': {
    sentence:
      'A certificate is given to a pod of the cluster with its own token, for its own names, and to nobody else; each refusal has a code, and each request ends in the log as audit: what was given, or why nothing',
    source: 'feature bar 6',
  },
  'identity.rate-limit': {
    sentence:
      'A pod that asks for certificates all the time is refused, in bounded memory, and costs other pods nothing',
    source: 'design: every map has a limit',
  },
  'identity.refusal-is-seen': {
    sentence:
      'A pod that is refused its certificate, or cannot renew it, makes its cluster Degraded, with the reason and what to do in the condition and in an event, until it has one',
    source: 'feature bar 6',
  },
  'identity.no-key-in-a-secret': {
    sentence: "No private key lies in a Secret but the authority's, which no pod mounts",
    source: 'feature bar 6',
  },
  'identity.rotation': {
    sentence:
      'On a real API server, authority and leaves are replaced with an overlap, and a Secret that was lost is made again without losing who is trusted',
    source: 'feature bar 6',
  },
  'operator.certificates': {
    sentence: 'A certificate is renewed before it ends, under the same authority',
    source: 'design',
  },
  'operator.authority-overlaps': {
    sentence:
      'An authority is trusted everywhere before it signs what is in use, and until nothing it signed is left',
    source: 'design',
  },
  'operator.serving-authority': {
    sentence:
      "Every operator shows a certificate of one authority in the operator's namespace; it is replaced with an overlap and made again when it was lost",
    source: 'feature bar 6',
  },
  'operator.serving-limits': {
    sentence:
      'The HTTPS listener limits bodies, methods and paths, answers each refusal with a code and a sentence, and ends what is under way before it stops',
    source: 'design',
  },
  'operator.quiet': {
    sentence: 'A settled cluster causes no write',
    source: 'design',
  },
  'operator.quiet-start': {
    sentence:
      'The start of a healthy cluster is no problem: no warning is told, nothing is degraded',
    source: 'design',
  },
  'operator.rollout-broken': {
    sentence:
      'Pods with broken servers are replaced one by one while their sidecars hold the quorum',
    source: 'design',
  },
  'operator.fleet-rest': {
    sentence:
      'In ten minutes at rest an operator of many clusters looks at each of them and makes less than a request a second',
    source: 'issue 6: many clusters',
  },
  'operator.writes-have-a-reason': {
    sentence:
      'While a cluster starts and is drained each write changes something, and only what somebody else changed is called repaired',
    source: 'feature bar 4',
  },
  'operator.drift': {
    sentence: 'An object of a cluster that somebody deletes or edits is repaired',
    source: 'design',
  },
  'operator.config-errors': {
    sentence:
      'What of a spec cannot work and no API server can see is a condition that names each field; the rest is in force',
    source: 'issue 5: bad input',
  },
  'operator.network-policy': {
    sentence:
      "Clients reach the gateway of a pod, the cluster's pods and the operator the ports between them, nobody the MCP server's own port",
    source: 'facts/kubernetes: NSA/CISA list; issue 5: tenancy and auth',
  },
  'operator.network-policy-kept': {
    sentence:
      'The NetworkPolicy of a cluster is repaired, follows its spec, and goes when the spec wants none',
    source: 'design; facts/kubernetes, fact 1: fields that vanish',
  },
  'operator.volumes': {
    sentence: 'Volumes go with their cluster, never with a pod: a voter remembers its votes',
    source: 'Raft §5.4; facts/kubernetes 1.3',
  },
  'operator.foreign': {
    sentence: 'An object of the same name that belongs to somebody else is left alone and reported',
    source: 'design',
  },
  'operator.scale': {
    sentence:
      'Scaling moves pods, learners and voters together: up to as many voters as the spec wants, and down with sessions, member, pod and volume leaving in this order',
    source: 'issue 6: changes to a quorum are safe',
  },
  'operator.traffic': {
    sentence: 'A dead pod leaves the EndpointSlice within a second of its detection',
    source: 'design',
  },
  'operator.degraded': {
    sentence:
      'A server that does not work is Degraded with its last log line, and the others go on',
    source: 'design',
  },
  'operator.rollout': {
    sentence: 'A changed template replaces one pod at a time, the Raft leader last',
    source: 'ECK, Strimzi; facts/kubernetes 1.3',
  },
  'operator.delete': {
    sentence: 'Deleting a McpCluster removes everything that was made for it',
    source: 'design',
  },
  'operator.crash-safe': {
    sentence: 'An operator killed at any write is followed by one that ends in the same state',
    source: 'design',
  },
  'operator.api-faults': {
    sentence:
      'Under conflicts, refusals, errors, lost answers, and watches that are cut or expire, the operator converges, doubles nothing and leaves nothing',
    source: 'design',
  },
  'operator.promote': {
    sentence:
      'A voter that follows leads when the annotation mcpcluster.io/promote asks for it in the term that is; an old annotation promotes nothing',
    source: 'feature bar 19 and 3: promote, targetLeader; cloudnative-pg, kubectl cnpg promote',
  },
  'operator.restart-pod': {
    sentence:
      'A pod with the annotation mcpcluster.io/restart is replaced by the rules of a rolling update, the leader without an approval',
    source: 'feature bar 19 and 7: restart; cloudnative-pg, kubectl cnpg restart CLUSTER INSTANCE',
  },
  'operator.api-stale-list': {
    sentence: 'An operator whose first lists are old acts on what its watches tell',
    source: 'design',
  },
  'operator.api-down': {
    sentence:
      'While the API server is away for a minute clients are served on, and afterwards the operator catches up',
    source: 'design',
  },
  'operator.fleet-quiet': {
    sentence:
      'With many clusters at rest nothing is written, and less than one request a second is made',
    source: 'design',
  },
  'operator.fleet-apart': {
    sentence: 'A change to one cluster writes objects of that cluster only',
    source: 'design',
  },
  'operator.fleet-restart': {
    sentence: 'An operator that starts again reads everything and writes nothing',
    source: 'design',
  },
  'operator.one-leader-acts': {
    sentence:
      'An operator that was suspended and lost its Lease meanwhile writes nothing when it goes on',
    source: 'client-go leaderelection',
  },
  'operator.available': {
    sentence: 'Applying a McpCluster ends in condition Available, with nothing else to do',
    source: 'design',
  },
  'api.generated': {
    sentence: 'The committed CRD and manifests are exactly what the source generates',
    source: 'design',
  },
  'operator.stdio-servers-get-a-bridge': {
    sentence: 'A server with transport Stdio runs behind a bridge in its own container, unmodified',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
