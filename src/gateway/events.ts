/** Facts about sessions for observers (timelines, tests): what happened, in the order it happened on this pod. */
import type { ClaimReason } from './core/types.ts';

export type GatewayEvent =
  | {
      readonly type: 'session-created';
      readonly id: string;
      readonly owner: string;
      readonly backendSessionId?: string | undefined;
    }
  | {
      readonly type: 'session-moved';
      readonly id: string;
      readonly from: string;
      readonly to: string;
      readonly reason: ClaimReason;
      readonly epoch: number;
      /** True when the backend's session outlived its sidecar and nothing had to be replayed. */
      readonly adopted: boolean;
      readonly durationMs: number;
    }
  /** The new backend could not stand in: the session has ended. */
  | {
      readonly type: 'session-refused';
      readonly id: string;
      readonly from: string;
      readonly to: string;
      readonly why: string;
    }
  | {
      readonly type: 'session-ended';
      readonly id: string;
      readonly why: 'deleted' | 'expired';
    }
  | {
      readonly type: 'request-retried';
      readonly id: string;
      readonly method: string;
      readonly reason: string;
    }
  /** The client got an error because its request was lost and must not be repeated. */
  | {
      readonly type: 'request-failed';
      readonly id: string;
      readonly method: string;
      readonly reason: string;
    }
  /** `id` is the pod that gets no new work from this front for a while. */
  | { readonly type: 'pod-ejected'; readonly id: string; readonly reason: string }
  | { readonly type: 'pod-returned'; readonly id: string }
  /** `id` is the pod. */
  | {
      readonly type: 'breaker-opened' | 'breaker-closed';
      readonly id: string;
      readonly tool?: string;
    }
  | { readonly type: 'backend-ready' }
  | { readonly type: 'backend-down'; readonly detail: string };

export interface GatewayEvents {
  emit(event: GatewayEvent): void;
  on(listener: (event: GatewayEvent) => void): () => void;
}

export function createGatewayEvents(): GatewayEvents {
  const listeners = new Set<(event: GatewayEvent) => void>();
  return {
    emit: (event) => {
      for (const listener of listeners) listener(event);
    },
    on(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}
