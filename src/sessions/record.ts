/** The replicated record of one session: everything another pod needs to go on with it. */
import { isJsonObject, type JsonObject } from '../mcp/index.ts';

/** A pod and the incarnation of its process: a restarted pod is another owner, its memory is gone. */
export interface Owner {
  readonly node: string;
  readonly instance: string;
}

/** What the client said to open the session; sent again, word for word, to every later backend. */
export interface InitializeParams extends JsonObject {
  readonly protocolVersion: string;
}

/** A task lives in the memory of the server that began it, and is reached through that server's session. */
export interface SessionTask {
  readonly id: string;
  readonly owner: Owner;
  readonly backendSessionId?: string;
  /** Wall clock, ms: when the server forgets it at the latest. */
  readonly expiresAt: number;
}

export interface SessionRecord {
  /** The client-facing id, minted by a gateway; never changes. */
  readonly id: string;
  readonly era: 'legacy';
  readonly owner: Owner;
  /** Grows by one with each change of owner; the fencing token of the session. */
  readonly epoch: number;
  /** The id the owner's MCP server gave; undefined for a server without sessions. */
  readonly backendSessionId?: string;
  readonly initialize: InitializeParams;
  readonly protocolVersion: string;
  readonly serverCapabilities: JsonObject;
  /** True once the backend has accepted `notifications/initialized`. */
  readonly initialized: boolean;
  readonly logLevel?: string;
  readonly subscriptions: readonly string[];
  /** Tools that the last `tools/list` of this session declared read-only or idempotent: their calls may be repeated. */
  readonly repeatableTools: readonly string[];
  /** Digests of the lists that the client read last, by method: another server's may differ. */
  readonly listDigests?: Readonly<Record<string, string>>;
  /** Tasks that a server of this session began, the oldest first. */
  readonly tasks?: readonly SessionTask[];
  /** Id of the principal that opened the session; nobody else may use it. */
  readonly principal: string;
  /** Wall clock, ms since the epoch. */
  readonly createdAt: number;
  /** Wall clock, ms; written at most once per touch interval, so it may lag behind. */
  readonly lastSeenAt: number;
}

export const sameOwner = (a: Owner, b: Owner): boolean =>
  a.node === b.node && a.instance === b.instance;

/** The record as the store keeps it. */
export function encodeRecord(record: SessionRecord): string {
  return JSON.stringify(record);
}

/** The record in `text`, or undefined when it is not one (a future version's, or damaged). */
export function decodeRecord(text: string): SessionRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isJsonObject(value) && isRecord(value) ? value : undefined;
}

function isRecord(value: JsonObject): value is JsonObject & SessionRecord {
  const { owner, initialize } = value;
  const texts = ['id', 'protocolVersion', 'principal'] as const;
  const numbers = ['epoch', 'createdAt', 'lastSeenAt'] as const;
  return (
    value['era'] === 'legacy' &&
    texts.every((name) => typeof value[name] === 'string') &&
    numbers.every((name) => Number.isFinite(value[name])) &&
    typeof value['initialized'] === 'boolean' &&
    isJsonObject(owner) &&
    typeof owner['node'] === 'string' &&
    typeof owner['instance'] === 'string' &&
    isJsonObject(initialize) &&
    typeof initialize['protocolVersion'] === 'string' &&
    isJsonObject(value['serverCapabilities']) &&
    isTextList(value['subscriptions']) &&
    isTextList(value['repeatableTools']) &&
    isOptionalText(value['backendSessionId']) &&
    isOptionalText(value['logLevel']) &&
    (value['listDigests'] === undefined || isJsonObject(value['listDigests'])) &&
    (value['tasks'] === undefined || isTaskList(value['tasks']))
  );
}

const isTaskList = (value: unknown): boolean =>
  Array.isArray(value) &&
  value.every(
    (item) =>
      isJsonObject(item) &&
      typeof item['id'] === 'string' &&
      isJsonObject(item['owner']) &&
      Number.isFinite(item['expiresAt']),
  );

const isTextList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const isOptionalText = (value: unknown): boolean =>
  value === undefined || typeof value === 'string';
