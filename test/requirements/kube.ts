/** What `kube` guarantees. */
import type { Requirement } from './requirement.ts';

export const kube = {
  'kube.cron': {
    sentence:
      'A schedule with a time zone is read as Kubernetes reads that of a CronJob: what falls into the hour that clocks skip is left out, what falls into the one that they repeat comes twice',
    source: 'robfig/cron: daylight saving time; Kubernetes CronJob: time zones',
  },
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
  'kube.no-write-without-lease': {
    sentence: 'A process that lost its Lease while it waited sends no write any more',
    source: 'design',
  },
  'kube.one-connection': {
    sentence: 'Two hundred requests one after another need at most two TLS handshakes',
    source: 'client-node, weakness W13',
  },
  'kube.credentials-rotate': {
    sentence: 'A rotated token is sent, and a rotated certificate shown, without a restart',
    source: 'client-node, weakness W14',
  },
  'kube.service-account': {
    sentence:
      'In a pod the files of the service account are enough; a renewed token is sent and a renewed authority trusted from the next request on',
    source: 'Kubernetes, Accessing the API from a Pod; BoundServiceAccountTokenVolume (KEP-1205)',
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
} as const satisfies Record<string, Requirement>;
