/** What every handler is given: the server's parts, and one request taken apart. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from '../../telemetry/index.ts';
import type { StatusBody } from './status.ts';
import type { ObjectStore, StoredObject } from '../objects/index.ts';
import type { Clock, Random } from '../../std/index.ts';
import type { Registry, ResourceDefinition } from './registry.ts';
import type { StrategyContext } from './strategy.ts';
import type { TokenIssuer } from './tokens/issuer.ts';

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly sinceSeconds?: number;
  readonly sinceTime?: string;
  readonly limitBytes?: number;
}

/** Where `kubectl logs` comes from: the kubelet. Throwing answers the request with the error's message. */
export type PodLogs = (
  pod: StoredObject,
  container: string,
  options: LogOptions,
  signal: AbortSignal,
) => AsyncIterable<string | Uint8Array>;

export interface Api extends StrategyContext {
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly logs: PodLogs | undefined;
  readonly tokens: TokenIssuer;
}

export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  /** Only service accounts have one, and who is impersonated with one. */
  readonly uid?: string;
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** A request for a resource. */
export interface ApiRequest {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly definition: ResourceDefinition;
  /** Empty for cluster-wide resources and for all namespaces. */
  readonly namespace: string;
  /** Empty for the collection. */
  readonly name: string;
  readonly subresource: string;
  /** The raw body; rejects when it is over the limit. */
  body(): Promise<Buffer>;
  /** Aborts when the client leaves or the server stops. */
  readonly signal: AbortSignal;
  /** Adds a `Warning` header to the answer. */
  warn(message: string): void;
}

/** What a handler answers; streams keep the connection until they end. */
export type Answer =
  | { readonly kind: 'object'; readonly code: number; readonly object: StoredObject }
  | { readonly kind: 'status'; readonly code: number; readonly object: StatusBody }
  | { readonly kind: 'list'; readonly list: ListAnswer }
  | { readonly kind: 'watch'; readonly events: WatchSource }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'text'; readonly stream: AsyncIterable<string | Uint8Array> };

export interface ListAnswer {
  readonly items: readonly StoredObject[];
  readonly metadata: {
    readonly resourceVersion: string;
    readonly continue?: string;
    readonly remainingItemCount?: number;
  };
}

export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: StoredObject | StatusBody;
}

/** Starts a watch; frames go to `send` until `signal` aborts; resolves when the server ends it. */
export type WatchSource = (send: (frame: WatchFrame) => void, signal: AbortSignal) => Promise<void>;

export type Handler = (api: Api, request: ApiRequest) => Promise<Answer> | Answer;
