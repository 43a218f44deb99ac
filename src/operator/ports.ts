/** What the controllers need of a sidecar; gRPC behind it in production, a fake in tests. */
import type { TlsSource } from '../security/index.ts';
import type { MemberChange, Participants, SidecarStatus } from './core/index.ts';

/** How to reach the sidecar of one pod. */
export interface SidecarTarget {
  /** Address of the pod. */
  readonly address: string;
  /** DNS name its certificate must carry. */
  readonly serverName: string;
  readonly clusterId: string;
  readonly tls: TlsSource;
}

/** Something a sidecar saw happen, such as `member-suspect` about a member. */
export interface SidecarFact {
  readonly kind: string;
  readonly subject: string;
}

/** The way to one sidecar. A call rejects within seconds when the sidecar does not answer. */
export interface SidecarLink {
  status(signal?: AbortSignal): Promise<SidecarStatus>;
  /** Proposes a running configuration; resolves when the cluster has agreed on it. */
  applyConfig(generation: number, config: string, signal?: AbortSignal): Promise<void>;
  /** Changes who takes part, unless others than `expected` do by now; resolves when the change is in force. */
  changeMembership(
    changes: readonly MemberChange[],
    expected: Participants | undefined,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Lets the member `to` lead; resolves when it does. Only the leader can. */
  transferLeadership(to: string, signal?: AbortSignal): Promise<void>;
  /** While on, the member gives its sessions away and takes none; resolves once it has begun to. */
  drain(enabled: boolean, signal?: AbortSignal): Promise<void>;
  /** Calls `listener` whenever the sidecar tells of something that changed in the cluster, as long as the link is open. */
  onFact(listener: (fact: SidecarFact) => void): void;
  close(): void;
}

export interface SidecarClient {
  connect(target: SidecarTarget): SidecarLink;
}
