/** The monitors of all clusters this process looks after, and the certificates they are reached with. */
import type { McpCluster } from '../api/index.ts';
import type { TlsMaterial, TlsSource } from '../security/index.ts';
import { required, type Clock } from '../std/index.ts';
import { createAsked, type Asked } from './asked.ts';
import { createOperatorLeaf, type OperatorLeafKeeper } from './identity/operator-leaf.ts';
import type { CertificateSigner } from './identity/signer.ts';
import { createMonitor, type Monitor } from './monitor.ts';
import type { SidecarClient } from './ports.ts';

/** What is kept in memory of one cluster; all of it can be made again. */
export interface Watched {
  readonly uid: string;
  readonly monitor: Monitor;
  readonly tls: TlsSource;
  setTls(material: TlsMaterial): void;
  /** Makes that certificate. */
  readonly leaf: OperatorLeafKeeper;
  /** PEM: whom the members trust, as it was last seen. */
  trusted: string | undefined;
  /** When the authority was last looked at, on the monotonic clock. */
  tlsCheckedAt: number | undefined;
  /** Generation whose running configuration the members have agreed on. */
  configuredGeneration: number | undefined;
  /** `spec.storage.size` that every claim was last seen to have. */
  volumesSettledAt: string | undefined;
  /** When the claims of backups were last seen to be there, on the monotonic clock, and for which generation. */
  backupClaims: { readonly generation: number; readonly at: number } | undefined;
  /** Since when pods that go for good give their sessions away, on the monotonic clock, by uid. */
  readonly leaving: Map<string, number>;
  /** What pods were asked for, and since when. */
  readonly asked: Asked;
  /** Revision of the servers' shared key that every pod was last seen to run with. */
  settledKeyRevision: number | undefined;
}

export interface Fleet {
  /** What is kept of `cluster`; begun when there is nothing yet. */
  watch(cluster: McpCluster): Watched;
  /** Ends what is kept under this key; returns the uid it was kept for. */
  forget(key: string): string | undefined;
  stop(): void;
}

export function createFleet(options: {
  readonly client: SidecarClient;
  readonly clock: Clock;
  /** A cluster has news. */
  readonly onChange: (key: string) => void;
  readonly signer: CertificateSigner;
  /** The certificates of a cluster are these from now on. */
  readonly onTls: (cluster: McpCluster, material: TlsMaterial) => void;
}): Fleet {
  const watchedByKey = new Map<string, Watched>();
  const forget = (key: string): string | undefined => {
    const watched = watchedByKey.get(key);
    watched?.monitor.stop();
    watchedByKey.delete(key);
    return watched?.uid;
  };
  return {
    watch(cluster) {
      const key = `${cluster.metadata.namespace}/${cluster.metadata.name}`;
      const known = watchedByKey.get(key);
      if (known?.uid === cluster.metadata.uid) return known;
      forget(key);
      const { client, clock } = options;
      const onTls = (material: TlsMaterial): void => options.onTls(cluster, material);
      const monitor = createMonitor({ client, clock, onChange: () => options.onChange(key) });
      const asked = createAsked(clock);
      const leaving = new Map<string, number>();
      const watched = {
        uid: cluster.metadata.uid,
        monitor,
        asked,
        leaving,
        leaf: createOperatorLeaf({ signer: options.signer, clock }),
        ...createTlsHolder(onTls),
      };
      watchedByKey.set(key, watched);
      return watched;
    },
    forget,
    stop() {
      for (const key of [...watchedByKey.keys()]) forget(key);
    },
  };
}

function createTlsHolder(onTls: (material: TlsMaterial) => void) {
  let material: TlsMaterial | undefined;
  const listeners = new Set<(next: TlsMaterial) => void>();
  const tls: TlsSource = {
    current: () => required(material, 'no sidecar is asked before its certificate was read'),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    tls,
    setTls(next: TlsMaterial) {
      if (next.cert === material?.cert && next.ca === material.ca) return;
      material = next;
      onTls(next);
      for (const listener of listeners) listener(next);
    },
    trusted: undefined,
    tlsCheckedAt: undefined,
    configuredGeneration: undefined,
    settledKeyRevision: undefined,
    volumesSettledAt: undefined,
    backupClaims: undefined,
  };
}
