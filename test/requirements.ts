/**
 * Every guarantee the project makes, as data. A test cites one with `verifies(id)` as its name; `tidy.test.ts` fails for
 * a row that no test cites. Add the row first, then the test that fails, then the code.
 */
export interface Requirement {
  /** One sentence a user could hold us to. */
  readonly sentence: string;
  /** Where the guarantee comes from: a specification page, a paper's section, a fact, or `design`. */
  readonly source: string;
}

const rows = {
  // std, host, telemetry, security
  'security.mtls.same-authority': {
    sentence:
      'Two processes with certificates of one cluster authority connect by mutual TLS and see the cluster id',
    source: 'design: identity',
  },
  'security.mtls.foreign-authority': {
    sentence:
      'A certificate of another authority is refused by both ends, even under the same name',
    source: 'design: identity',
  },
  'security.tls.reload': {
    sentence: 'A rotated certificate in a mounted Secret is in force without a restart',
    source: 'design: identity',
  },
  // kube
  'kube.watch-survives': {
    sentence:
      'A watch that is refused, cut, silent or malformed is opened again where it stopped, with back-off',
    source: 'client-node ListWatch, weaknesses W1, W6, W9',
  },
  'kube.expired-version': {
    sentence:
      'After an expired version the informer lists again and reports what was added, changed and deleted meanwhile',
    source: 'client-node ListWatch, weaknesses W7, W8',
  },
  'kube.synced-means-listed': {
    sentence: 'An informer has synced only after a complete list, whatever failed before',
    source: 'client-node ListWatch, weakness W2',
  },
  'kube.stop-is-final': {
    sentence: 'After stop() no listener is called, no request is sent and no watch stays open',
    source: 'client-node ListWatch, weaknesses W3, W4',
  },
  'kube.listeners-are-isolated': {
    sentence: 'A listener that throws harms neither the copy, nor other listeners, nor the loop',
    source: 'client-node ListWatch, weakness W5',
  },
  'kube.raw-json': {
    sentence: 'A field that this program does not know survives reading, caching and writing',
    source: 'client-node typed models, weakness W10',
  },
  'kube.strict-writes': {
    sentence:
      'Every write is refused by the server when it holds a field that the server does not know',
    source: 'Kubernetes API, fieldValidation=Strict',
  },
  'kube.bounded-lists': {
    sentence: 'Lists are read in pages, and the copy holds no managedFields',
    source: 'client-node ListWatch, weakness W11',
  },
  'kube.safe-retries': {
    sentence:
      'Only a request that is idempotent, or was not processed, is sent again, after the time the server asked for',
    source: 'client-node, weakness W12',
  },
  'kube.one-connection': {
    sentence: 'Two hundred requests one after another need at most two TLS handshakes',
    source: 'client-node, weakness W13',
  },
  'kube.credentials-rotate': {
    sentence: 'A rotated token is sent, and a rotated certificate shown, without a restart',
    source: 'client-node, weakness W14',
  },
  'kube.errors-hold-no-secrets': {
    sentence:
      'An error of the client holds no header and no body other than the reason the server gives',
    source: 'client-node, weakness W15',
  },
  'kube.queue.serial-keys': {
    sentence:
      'A key is never reconciled twice at once, and a change during a reconcile leads to another one',
    source: 'client-go work queue',
  },
  'kube.leader.at-most-one': {
    sentence: 'Two candidates are never leader at once, however their wall clocks differ',
    source: 'client-go leader election',
  },
  'kube.leader.release': {
    sentence: 'The successor of a leader that stops need not wait for the lease to expire',
    source: 'client-go leader election',
  },
  'kube.events.series': {
    sentence: 'An event that repeats is one object that counts',
    source: 'events.k8s.io/v1',
  },
  // rpc, raft
  'rpc.members-only': {
    sentence:
      'Only a peer with a certificate of our authority and our cluster id can call, and only such a server is called',
    source: 'design',
  },
  'rpc.refused-is-told-at-once': {
    sentence:
      'A broken connection and a refused one are reported at once, and the address is asked for again',
    source: 'design',
  },
  'rpc.plain-http-on-the-same-port': {
    sentence: 'The cluster port answers plain HTTP only where a handler for it is given',
    source: 'design',
  },
  'rpc.stalled-peer-is-bounded': {
    sentence: 'A peer that stops reading costs a bounded amount of memory',
    source: 'design',
  },
  'rpc.dead-peer-is-noticed': {
    sentence: 'A peer that vanished without closing its connection is noticed by keep-alive',
    source: 'design',
  },
  'raft.reads-are-linearizable': {
    sentence:
      'After a read barrier on any member, it has applied all that was acknowledged anywhere before',
    source: 'Raft thesis 6.4',
  },
  'raft.failover-without-waiting-for-the-timeout': {
    sentence:
      'When the leader dies, its broken connections start an election at once, before the time-out',
    source: 'design',
  },
  'raft.restart-loses-nothing': {
    sentence: 'A full restart loses nothing that was acknowledged',
    source: 'Raft paper 5.4.3',
  },
  'raft.vote-is-durable-first': {
    sentence: 'Term and vote are written together and flushed before a vote is granted',
    source: 'Raft paper 5.2',
  },
  'raft.one-vote-per-term': {
    sentence:
      'A member votes for at most one candidate in a term, whatever role it plays meanwhile',
    source: 'Raft paper 5.2',
  },
  'raft.pre-vote-disturbs-nobody': {
    sentence: 'A member that was cut off returns without raising the term of a healthy group',
    source: 'Raft thesis 9.6',
  },
  'raft.leader-without-majority-steps-down': {
    sentence: 'A leader that hears from no majority stops leading',
    source: 'Raft thesis 6.2',
  },
  'raft.broken-link-is-a-hint': {
    sentence:
      'A broken connection to the leader allows an election at once, a false alarm deposes nobody',
    source: 'design',
  },
  'raft.leader-repairs-every-log': {
    sentence: 'A leader brings every kind of diverged log in line with its own (figure 7)',
    source: 'Raft paper 5.3',
  },
  'raft.commit-counts-own-term-only': {
    sentence: 'An entry of an older term commits only under one of the own term (figure 8)',
    source: 'Raft paper 5.4.2',
  },
  'raft.commit-only-what-was-verified': {
    sentence: 'A follower commits no entry that its leader has not verified',
    source: 'Raft paper 5.3',
  },
  'raft.late-message-truncates-nothing': {
    sentence: 'A late or repeated message never removes entries that do not conflict',
    source: 'Raft paper 5.3',
  },
  'raft.no-ack-before-the-flush': {
    sentence: 'A follower acknowledges and applies entries only after they are on its disk',
    source: 'Raft thesis 10.2.1',
  },
  'raft.memory-is-bounded': {
    sentence: 'What is uncommitted and under way is bounded; proposers are told to wait',
    source: 'design',
  },
  'raft.read-waits-for-own-term': {
    sentence: 'A new leader answers reads only after an entry of its own term is committed',
    source: 'Raft thesis 6.4',
  },
  'raft.old-acks-confirm-no-new-read': {
    sentence: 'Answers to earlier heartbeats never confirm a later read',
    source: 'Raft thesis 6.4',
  },
  'raft.simulation-holds': {
    sentence:
      'Under crashes, partitions, loss and stalls no invariant of Raft breaks, and healing brings progress',
    source: 'Raft paper figure 3',
  },
  'raft.torn-tail-is-repaired': {
    sentence: 'A crash in the middle of a write costs only what was never acknowledged',
    source: 'design',
  },
  'raft.damaged-log-is-refused': {
    sentence: 'A log that is damaged before its end is refused with a reason, never guessed at',
    source: 'design',
  },
  'raft.one-process-per-folder': {
    sentence: 'Two processes cannot use one data folder',
    source: 'design',
  },
  'raft.failed-flush-stops': {
    sentence: 'After a failed flush nothing more is written or acknowledged',
    source: 'design',
  },
  'raft.lost-proposal-is-sent-again': {
    sentence:
      'A proposal that provably did not survive a change of leader is proposed again, and is applied once',
    source: 'design',
  },
  'rpc.generated-is-current': {
    sentence: 'Generated RPC code is what the proto files say',
    source: 'design',
  },
  // store
  'store.compare-and-swap': {
    sentence:
      'Of concurrent compare-and-swaps on one key exactly one wins, and its mod revision is the fencing token.',
    source: 'ARCHITECTURE: the store is the only state machine; etcd Txn',
  },
  'store.retry-applies-once': {
    sentence: 'A write that is retried after a lost answer applies exactly once.',
    source: 'design: proposal ids in a window that every node forgets alike',
  },
  'store.unknown-version-refused': {
    sentence: 'A command of an unknown version stops the node and is never skipped.',
    source: 'design: a skipped command would let replicas drift apart',
  },
  'store.survives-leader': {
    sentence: 'Writes under way when the leader dies succeed on its successor, once each.',
    source: 'ARCHITECTURE: the promise; facts/raft §3 #25',
  },
  'store.deterministic': {
    sentence: 'Equal logs give equal states and equal results on every node.',
    source: 'ARCHITECTURE: the store is the only state machine',
  },
  'store.matches-model': {
    sentence:
      'Revisions, versions, transactions, leases and reads of the past are those of the naive model.',
    source: 'etcd API: KV, Txn, Lease',
  },
  'store.txn-atomic': {
    sentence: 'A command changes all its keys at one revision, or nothing.',
    source: 'etcd API: Txn',
  },
  'store.lease-expiry': {
    sentence: 'A lease nobody keeps alive ends after its TTL, and its keys with it.',
    source: 'etcd API: Lease',
  },
  'store.lease-new-leader': {
    sentence: 'A new leader gives every lease its full TTL again.',
    source: 'facts/raft §2.5; etcd lease promotion',
  },
  'store.lease-deposed-leader': {
    sentence: 'A deposed leader ends no lease, however late its proposals are committed.',
    source: 'facts/raft §3 #10: etcd-io/etcd#15247',
  },
  'store.watch-no-gap': {
    sentence: 'A watch reports every matching change from its revision on, in order, once.',
    source: 'etcd API: Watch guarantees (ordered, unique, reliable)',
  },
  'store.watch-compacted': {
    sentence: 'A watch that needs history that is gone is told so and ends.',
    source: 'etcd API: Watch, compact_revision',
  },
  'store.watch-slow-listener': {
    sentence: 'A slow watch listener costs no memory beyond the bounded history.',
    source: 'design: a watcher is a position in the history',
  },
  // gossip
  'gossip.no-false-death': {
    sentence: 'On a network that loses nothing no live member is ever suspected.',
    source: 'SWIM §3; facts/gossip §2',
  },
  'gossip.detects-refused': {
    sentence: 'A reported refusal that others confirm is death within one round trip of probes.',
    source: 'design: a refused connection proves that no process listens',
  },
  'gossip.detects-silent': {
    sentence:
      'With the default configuration every live member knows of a silent death in about a second.',
    source: 'facts/gossip §3',
  },
  'gossip.notices-restart': {
    sentence:
      'A member that restarts within the detection time is reported as restarted, with a higher incarnation.',
    source: 'design: meta.instance is random per process',
  },
  'gossip.incarnations': {
    sentence:
      'alive needs a higher incarnation to win; suspect, dead and left win at the same, in that order.',
    source: 'SWIM; facts/gossip §2',
  },
  'gossip.grpc': {
    sentence:
      'Members over mutual TLS find each other, and notice load, death, restart and goodbye.',
    source: 'ARCHITECTURE §2: gossip on the cluster port',
  },
  'gossip.heals': {
    sentence: 'After a partition heals all live members hold equal views again.',
    source: 'facts/gossip §3: push-pull is needed for correctness',
  },
  // mcp, sessions, gateway
  'mcp.sse': {
    sentence: 'SSE written by us and cut anywhere reads back as the same events.',
    source: 'WHATWG HTML §9.2',
  },
  'mcp.parser': {
    sentence:
      'No text makes the JSON-RPC parser throw: it is a message, or an error with its code.',
    source: 'JSON-RPC 2.0',
  },
  'sessions.one-claimant': {
    sentence: 'Of several pods that claim a session at one epoch exactly one wins.',
    source: 'ARCHITECTURE §4: session record',
  },
  'sessions.event-id': {
    sentence: 'An event id says which epoch, stream, event and requests it belongs to, to any pod.',
    source: 'specification 2025-11-25, transports: resumability',
  },
  'sessions.no-shrink': {
    sentence: 'A session is not moved to a server of another version or with fewer capabilities.',
    source: 'facts/mcp §4',
  },
  'gateway.any-pod': {
    sentence: 'Any pod accepts any request of any session; the session stays with its owner.',
    source: 'ARCHITECTURE: the promise',
  },
  'gateway.pod-loss': {
    sentence: 'A session goes on under the same id after the pod that owned it died.',
    source: 'ARCHITECTURE: the promise; facts/mcp §4',
  },
  'gateway.backend-loss': {
    sentence: 'A session goes on under the same id after the MCP server behind it died.',
    source: 'facts/mcp §0 rules 4 and 5',
  },
  'gateway.event-ids': {
    sentence:
      'Every SSE stream carries ids of the gateway from its first byte, and tells when to retry.',
    source: 'facts/mcp §0 rule 6',
  },
  'gateway.resume-anywhere': {
    sentence: 'A stream that dropped is resumed after its last event at any pod.',
    source: 'specification 2025-11-25, transports: resumability',
  },
  'gateway.lost-request': {
    sentence:
      'A request that was lost and must not be repeated is answered with an error that says so.',
    source: 'facts/mcp §0 rule 9',
  },
  'gateway.replay': {
    sentence:
      'After a move the new backend knows initialize, initialized, log level and subscriptions.',
    source: 'facts/mcp §4',
  },
  'gateway.refuse-move': {
    sentence:
      'A session ends with 404 when the only servers left have lost a capability it was promised.',
    source: 'facts/mcp §4',
  },
  'gateway.lease': {
    sentence:
      'A pod whose lease may be over answers for no session, and an unsure death is waited for.',
    source: 'ARCHITECTURE §4: ownership rests on leases',
  },
  'gateway.no-repeat': {
    sentence:
      'A request that may have reached a server is not sent again unless that does no harm.',
    source: 'facts/mcp §0 rule 9',
  },
  'gateway.peers': {
    sentence:
      'Only a gateway with a certificate of the same cluster may ask another for a session.',
    source: 'ARCHITECTURE §4: identity',
  },
  'gateway.bad-input': {
    sentence: 'Wrong requests get the status and JSON-RPC code of the specification, never a 500.',
    source: 'specification 2025-11-25, transports',
  },
  // api, operator
  'api.bad-input': {
    sentence: 'A wrong McpCluster is refused at apply with field path, value and rule',
    source: 'design',
  },
  'api.defaults': {
    sentence: 'A McpCluster that names only an image is complete after defaulting',
    source: 'design',
  },
  'api.immutable': {
    sentence: 'Voters, volume size and storage class of a running cluster cannot be changed',
    source: 'design',
  },
  'operator.least-privilege': {
    sentence: 'The rights in the install manifests are enough, and hold no wildcard',
    source: 'CIS Kubernetes Benchmark 5.1',
  },
  'operator.config-hash': {
    sentence: 'Pods are replaced only for a change that they cannot take over while running',
    source: 'design',
  },
  'operator.rollout-quorum': {
    sentence: 'A rollout never takes a healthy majority of voters away',
    source: 'Strimzi KafkaQuorumCheck; facts/kubernetes 1.3',
  },
  'operator.news': {
    sentence: 'What one sidecar tells makes the operator ask all of them at once',
    source: 'design',
  },
  'operator.certificates': {
    sentence: 'A certificate is renewed before it ends, under the same authority',
    source: 'design',
  },
  'operator.quiet': {
    sentence: 'A settled cluster causes no write',
    source: 'design',
  },
  'operator.drift': {
    sentence: 'An object of a cluster that somebody deletes or edits is repaired',
    source: 'design',
  },
  'operator.foreign': {
    sentence: 'An object of the same name that belongs to somebody else is left alone and reported',
    source: 'design',
  },
  'operator.scale': {
    sentence: 'Scaling adds and removes learners; below the voters it is refused visibly',
    source: 'design',
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
  'operator.available': {
    sentence: 'Applying a McpCluster ends in condition Available, with nothing else to do',
    source: 'design',
  },
  'api.generated': {
    sentence: 'The committed CRD and manifests are exactly what the source generates',
    source: 'design',
  },
  // devcluster
  'schema.apply-equals-real': {
    sentence:
      'server-side apply, updates and patches leave the object and managedFields that a real kube-apiserver leaves',
    source: 'design',
  },
  'schema.validation-equals-real': {
    sentence:
      'a custom resource is defaulted, pruned or refused in the words of a real kube-apiserver',
    source: 'design',
  },
  'schema.tables-equal-real': {
    sentence: 'kubectl get prints the rows that a real kube-apiserver prints',
    source: 'design',
  },
  'schema.apply-idempotent': {
    sentence: 'applying the same configuration twice changes nothing the second time',
    source: 'design',
  },
  'schema.rules-refuse': {
    sentence:
      'a CEL rule of a definition refuses what it must, at create and at update, with its message and field path',
    source: 'design',
  },
  'schema.patches-follow-rfc': {
    sentence: 'merge patch obeys RFC 7386 and JSON patch RFC 6902',
    source: 'RFC 7386, RFC 6902',
  },
  'devcluster.store-durable': {
    sentence: 'what the embedded API acknowledged survives kill -9, and resourceVersion goes on',
    source: 'design',
  },
  'devcluster.api-conflict': {
    sentence:
      'a write with a stale resourceVersion is refused with 409 Conflict and changes nothing',
    source: 'facts/kubernetes.md §5.2',
  },
  'devcluster.api-watch-expired': {
    sentence: 'a watch older than the history is told 410 Expired; a newer one misses nothing',
    source: 'facts/kubernetes.md §5.2',
  },
  'devcluster.api-pages': {
    sentence: 'the pages of a list all show the same moment',
    source: 'Kubernetes API concepts, retrieving large results sets in chunks',
  },
  'devcluster.api-finalizers': {
    sentence: 'an object with finalizers stays, marked, until the last finalizer is gone',
    source: 'Kubernetes concepts, finalizers',
  },
  'devcluster.api-apply': {
    sentence:
      'server-side apply refuses to take fields of another manager unless forced, and names them',
    source: 'Kubernetes API concepts, server-side apply',
  },
  'devcluster.api-crd': {
    sentence:
      'custom resources are defaulted, pruned and checked by the schema and CEL rules of their definition',
    source: 'Kubernetes tasks, CustomResourceDefinition',
  },
  'devcluster.api-errors': {
    sentence:
      'every refusal of the embedded API is a Status with the reason and causes of the real server',
    source: 'Kubernetes API conventions, response status kind',
  },
  'devcluster.api-generation': {
    sentence:
      'metadata.generation counts changes of the spec, and status is changed only through /status',
    source: 'Kubernetes API conventions, metadata and status',
  },
  'devcluster.api-real': {
    sentence: 'the embedded API answers the same requests as a real kube-apiserver answers',
    source: 'facts/kubernetes.md §5.2',
  },
  'devcluster.api-kubectl': {
    sentence:
      'the real kubectl creates, gets, watches, patches, applies, scales and deletes on the embedded API',
    source: 'design',
  },
  'devcluster.network-own-address': {
    sentence:
      'a Node program in a pod listens on and reaches localhost at the address of its own pod only',
    source: 'Kubernetes concepts, the Kubernetes network model',
  },
  'devcluster.network-names': {
    sentence:
      'Service and pod names resolve to cluster addresses, and connecting to those works from every pod',
    source: 'Kubernetes concepts, DNS for Services and Pods',
  },
  'devcluster.network-forward': {
    sentence:
      'a Service address spreads new connections over ready endpoints and stops listening with the Service',
    source: 'Kubernetes reference, virtual IPs and service proxies',
  },
  'devcluster.pod-order': {
    sentence:
      'init containers run one by one, native sidecars start before the containers and stop after them in reverse order',
    source: 'Kubernetes concepts, sidecar containers',
  },
  'devcluster.pod-probes': {
    sentence:
      'a pod is ready only while its readiness probes succeed, and a failed liveness probe restarts the container',
    source: 'Kubernetes concepts, liveness, readiness and startup probes',
  },
  'devcluster.pod-restart': {
    sentence:
      'a container that ends is restarted by its policy: at once, then after 10 s doubling to 5 minutes',
    source: 'Kubernetes concepts, pod lifecycle',
  },
  'devcluster.pod-grace': {
    sentence:
      'a deleted pod runs preStop, gets SIGTERM, is killed after its grace period, and only then disappears',
    source: 'Kubernetes concepts, pod lifecycle',
  },
  'devcluster.pod-volumes': {
    sentence:
      'ConfigMaps and Secrets reach the container as files and variables, and a change of them reaches the files whole',
    source: 'Kubernetes concepts, volumes',
  },
  'devcluster.pod-claims': {
    sentence: 'what a pod writes to a claim is there for the next pod, and gone with the claim',
    source: 'Kubernetes concepts, persistent volumes',
  },
  'devcluster.pod-image': {
    sentence:
      'an image without a local command leaves its pod waiting with a message that names the file to edit',
    source: 'design',
  },
  'devcluster.no-survivor': {
    sentence: 'no container process outlives the laptop cluster, not even after kill -9 of it',
    source: 'design',
  },
  'devcluster.stateful-set': {
    sentence:
      'a StatefulSet creates, scales, updates and replaces its pods in the order of its policies',
    source: 'Kubernetes concepts, StatefulSets',
  },
  'devcluster.scheduler': {
    sentence:
      'a pod goes only to a ready node that its selectors, affinities, tolerations and requests allow, spread over nodes and zones',
    source: 'Kubernetes concepts, scheduling',
  },
  'devcluster.controllers-real': {
    sentence:
      'workloads behave alike under the embedded controllers and under a real kube-controller-manager and scheduler',
    source: 'design',
  },
  'devcluster.start-errors': {
    sentence:
      'a laptop cluster that cannot start says in one line what to do, and leaves nothing running',
    source: 'design',
  },
  // sidecar, cli
  'sidecar.config.everywhere': {
    sentence:
      'A configuration proposed at one member is in force at every member, without a restart',
    source: 'design: configuration is replicated',
  },
  'sidecar.flags.refused': {
    sentence:
      'A wrong flag of the sidecar is refused in one line with the flag, its value and what is allowed',
    source: 'design: bad input',
  },
  'sidecar.standalone.cluster': {
    sentence:
      'Three sidecars started by flags elect a leader, survive its SIGKILL, take it back, and let a fourth join',
    source: 'design: the sidecar runs without Kubernetes',
  },
  'sidecar.start.refused': {
    sentence: 'A sidecar that cannot start says why and what to do in one line, and exits with 2',
    source: 'design: bad input',
  },
} satisfies Record<string, Requirement>;

export type RequirementId = keyof typeof rows;
export const REQUIREMENTS: Readonly<Record<string, Requirement>> = rows;

/** The name of a test that proves the requirement `id`. */
export function verifies(id: RequirementId): string {
  return `[${String(id)}] ${(rows as Record<string, Requirement>)[id]?.sentence}`;
}
