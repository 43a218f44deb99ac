/** What the kubelet is given: everything that a pod's life needs beside the pod. */
import type { Clock, Random } from '../../std/index.ts';
import type { Logger } from '../../telemetry/index.ts';
import type { ConfigMap, PersistentVolumeClaim, Pod, PodStatus, Secret } from '../core/index.ts';
import type { ImageTable } from './images.ts';
import type { Reaper } from './reaper.ts';

/** Reports something that people see with `kubectl describe pod`. */
export type PodEvents = (
  pod: Pod,
  type: 'Normal' | 'Warning',
  reason: string,
  note: string,
) => void;

/** Objects that pods refer to, from local copies; `key` is `namespace/name`. */
export interface ReferencedObjects {
  configMap(key: string): ConfigMap | undefined;
  secret(key: string): Secret | undefined;
  claim(key: string): PersistentVolumeClaim | undefined;
}

/** A token as a volume asks for it; an empty audience is the API server's own. */
export interface TokenWish {
  readonly audience: string;
  readonly expirationSeconds: number;
}

/** What a pod's worker writes to the API. */
export interface PodWriter {
  /** Resolves when the status is stored, or the pod is gone. */
  writeStatus(pod: Pod, status: PodStatus): Promise<void>;
  /** Removes the pod object for good: its processes have ended. */
  remove(pod: Pod): Promise<void>;
}

export interface KubeletDependencies {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly images: ImageTable;
  readonly reaper: Reaper;
  readonly objects: ReferencedObjects;
  readonly writer: PodWriter;
  readonly events: PodEvents;
  /** A new token of the pod's service account, bound to the pod. Rejects when the API gives none. */
  requestToken(pod: Pod, wish: TokenWish): Promise<string>;
  /** Folder of everything that is kept on disk. */
  readonly dataFolder: string;
  /** Path of the file with cluster names, and URL of the module that reads it. */
  readonly hostsFile: string;
  readonly networkModuleUrl: string;
  /** Folder put first into every container's PATH: where the project's `node` is. */
  readonly nodeFolder: string;
  readonly hostAddress: string;
  /** Where pods reach the API server. */
  apiService(): { readonly host: string; readonly port: number };
}
