/**
 * Band 3: the Kubernetes API as raw JSON: a connection from a kubeconfig or the pod's service account, a client, and what
 * controllers are made of (informer, work queue, controller, leader election, events). Typed models of a client library
 * drop fields they do not know; here an object travels exactly as the server sent it.
 */
export { createKubeClient, type KubeClientOptions } from './client.ts';
export {
  createKubeConnection,
  loadKubeConnection,
  type DirectConnectionOptions,
  type KubeConnection,
} from './connection.ts';
export { createController, type Controller, type ControllerOptions } from './controller.ts';
export { cronTimes, timeZoneProblem, type CronTimes } from './cron.ts';
export {
  isAlreadyExists,
  isConflict,
  isNotFound,
  KubeError,
  TerminalError,
  type KubeErrorFields,
  type StatusCause,
  type StatusDetails,
} from './errors.ts';
export {
  createEventRecorder,
  type EventInput,
  type EventRecorder,
  type EventRecorderOptions,
} from './event-recorder.ts';
export { createInformer, type InformerOptions } from './informer.ts';
export { uniteInformers } from './informer-union.ts';
export {
  createLeaderElection,
  type LeaderElection,
  type LeaderElectionOptions,
} from './leader-election.ts';
export { apiVersionOf, RESOURCES, splitApiVersion, type ResourceType } from './resources.ts';
export {
  objectKey,
  refOfKey,
  type ApplyOptions,
  type DeleteOptions,
  type Informer,
  type InformerChange,
  type KubeClient,
  type KubeObject,
  type KubeResource,
  type ListScope,
  type ManagedFieldsEntry,
  type ObjectList,
  type ObjectMeta,
  type ObjectRef,
  type Outcome,
  type OwnerReference,
  type PatchOptions,
  type RequestOptions,
  type WatchEnd,
  type WatchEvent,
  type WatchOptions,
  type WriteOptions,
} from './types.ts';
export { createWorkQueue, type WorkQueue, type WorkQueueOptions } from './work-queue.ts';
