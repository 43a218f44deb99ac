/** What `devcluster` guarantees. */
import type { Requirement } from './requirement.ts';

export const devcluster = {
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
  'devcluster.impersonation': {
    sentence:
      'who may impersonate a user, group, uid or extra is that user for a request, at the embedded API and in kubectl --as as at a real kube-apiserver; others are refused',
    source: 'Kubernetes reference, User impersonation',
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
  'devcluster.service-account-path': {
    sentence:
      'a Node program in a pod finds the files of its service account at the path where Kubernetes mounts them',
    source: 'Kubernetes tasks, accessing the Kubernetes API from a Pod',
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
  'devcluster.pod-hooks': {
    sentence:
      'preStop hooks of all containers of a pod run at the same time, before any of them gets a signal; any HTTP answer is good',
    source: 'Kubernetes concepts, container lifecycle hooks; kubelet, killContainer; KEP-753',
  },
  'devcluster.pod-volumes': {
    sentence:
      'ConfigMaps, Secrets and annotations reach the container as files and variables, and a change of them reaches the files whole',
    source: 'Kubernetes concepts, volumes',
  },
  'devcluster.token-access': {
    sentence:
      'whoever shows a token of a service account at the embedded API may do what roles and bindings say, at once when they change, and nothing when the account is gone',
    source: 'Kubernetes reference, using RBAC authorization',
  },
  'devcluster.token-volume': {
    sentence:
      'a projected volume holds a token of the service account bound to its pod, which a TokenReview knows by audience, pod and node while the pod exists',
    source: 'KEP-1205 bound service account tokens; Kubernetes concepts, projected volumes',
  },
  'devcluster.token-refresh': {
    sentence:
      'a token in a volume is replaced at 80 % of its life or after a day, and kept while none can be had and it is good',
    source: 'Kubernetes concepts, projected volumes',
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
  'devcluster.jobs': {
    sentence:
      'a Job makes pods until enough have succeeded, waits longer after each failure, ends at its limit or deadline, and goes when its time is over',
    source: 'Kubernetes concepts, Jobs',
  },
  'devcluster.cron-jobs': {
    sentence:
      'a CronJob makes one Job for each time of its schedule, by its rules of concurrency and deadline, and keeps as many as its history says',
    source: 'Kubernetes concepts, CronJob',
  },
  'devcluster.start-errors': {
    sentence:
      'a laptop cluster that cannot start says in one line what to do, and leaves nothing running',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
