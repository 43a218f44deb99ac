/** The sidecar's configuration: one frozen value, read from the operator's file or built from flags. */
import { readFile } from 'node:fs/promises';
import { Ajv, type ErrorObject, type JSONSchemaType } from 'ajv';
import { UsageError } from '../host/index.ts';

/** What a running sidecar takes over without a restart; the operator replicates it under `/config`. */
export interface RunningConfig {
  readonly gateway: {
    /** Values of `Origin` that browsers may send; empty: no browser origin but the server's own host. */
    readonly allowedOrigins: readonly string[];
    /** Values of `Host` that are answered; empty: every host. */
    readonly allowedHosts: readonly string[];
    readonly limits: {
      readonly bodyBytes: number;
      readonly headerBytes: number;
      readonly streamsPerSession: number;
    };
  };
  readonly sessions: {
    readonly idleTimeoutMs: number;
    /** Live sessions in the whole cluster; one more is refused. */
    readonly max: number;
    /** Events kept per stream for `Last-Event-ID`. */
    readonly resume: { readonly events: number; readonly bytes: number };
  };
}

/** Everything a sidecar is told at start. */
export interface SidecarConfig extends RunningConfig {
  readonly clusterId: string;
  readonly name: string;
  readonly namespace: string;
  /** Name of the headless Service; peers are `<id>.<peerService>.<namespace>.svc`. */
  readonly peerService: string;
  readonly replicas: number;
  /** Ids of the Raft voters; every other member is a learner. */
  readonly voters: readonly string[];
  readonly ports: {
    readonly gateway: number;
    readonly gatewayPeer: number;
    readonly peer: number;
    readonly metrics: number;
  };
  readonly server: { readonly port: number; readonly path: string };
  readonly gateway: RunningConfig['gateway'] & { readonly path: string };
  readonly consensus: {
    readonly heartbeatIntervalMs: number;
    readonly electionTimeoutMs: { readonly min: number; readonly max: number };
    /** How long a learner may be dead before it is taken out of the configuration; default 10 minutes. */
    readonly learnerDeadAfterMs?: number;
  };
  readonly gossip: {
    readonly probeIntervalMs: number;
    readonly probeTimeoutMs: number;
    readonly suspicionMs: number;
    readonly fanout: number;
  };
}

const text = { type: 'string', minLength: 1 } as const;
const texts = { type: 'array', items: { type: 'string' } } as const;
const port = { type: 'integer', minimum: 1, maximum: 65_535 } as const;
const positive = { type: 'integer', minimum: 1 } as const;

/** A closed object: every field but the optional ones is required and no other is accepted. */
function closed(
  properties: Record<string, unknown>,
  optional: Record<string, unknown> = {},
): Record<string, unknown> {
  return {
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties: { ...properties, ...optional },
  };
}

const limits = closed({
  bodyBytes: positive,
  headerBytes: positive,
  streamsPerSession: positive,
});
const dynamicGateway = { allowedOrigins: texts, allowedHosts: texts, limits };
const sessions = closed({
  idleTimeoutMs: positive,
  max: positive,
  resume: closed({ events: positive, bytes: positive }),
});

const RUNNING = closed({ gateway: closed(dynamicGateway), sessions });
const WHOLE = closed({
  clusterId: text,
  name: text,
  namespace: text,
  peerService: text,
  replicas: positive,
  voters: { type: 'array', items: text, minItems: 1, maxItems: 7, uniqueItems: true },
  ports: closed({ gateway: port, gatewayPeer: port, peer: port, metrics: port }),
  server: closed({ port, path: { type: 'string', pattern: '^/' } }),
  gateway: closed({ ...dynamicGateway, path: { type: 'string', pattern: '^/' } }),
  sessions,
  consensus: closed(
    {
      heartbeatIntervalMs: positive,
      electionTimeoutMs: closed({ min: positive, max: positive }),
    },
    { learnerDeadAfterMs: positive },
  ),
  gossip: closed({
    probeIntervalMs: positive,
    probeTimeoutMs: positive,
    suspicionMs: positive,
    fanout: positive,
  }),
});

const ajv = new Ajv({ allErrors: true, verbose: true });
const validateWhole = ajv.compile<SidecarConfig>(WHOLE as unknown as JSONSchemaType<SidecarConfig>);
const validateRunning = ajv.compile<RunningConfig>(
  RUNNING as unknown as JSONSchemaType<RunningConfig>,
);

/** Reads the file the operator wrote; a {@link UsageError} names the field, its value and what is allowed. */
export async function readConfigFile(path: string): Promise<SidecarConfig> {
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read --config ${path}: ${(error as Error).message}`);
  });
  const parsed = parseJson(content);
  if (parsed === undefined || !validateWhole(parsed)) {
    throw new UsageError(`${path}: ${describe(validateWhole.errors, parsed)}`);
  }
  const { min, max } = parsed.consensus.electionTimeoutMs;
  if (min > max)
    throw new UsageError(`${path}: /consensus/electionTimeoutMs: min ${min} > max ${max}`);
  return Object.freeze(parsed);
}

/** Parses a replicated configuration; the error is a sentence with field, value and rule. */
export function parseRunningConfig(
  content: string,
): { readonly config: RunningConfig } | { readonly problem: string } {
  const parsed = parseJson(content);
  if (parsed !== undefined && validateRunning(parsed)) return { config: parsed };
  return { problem: describe(validateRunning.errors, parsed) };
}

/** The part of a whole configuration that may change while the sidecar runs. */
export function runningPart(config: SidecarConfig): RunningConfig {
  const { allowedHosts, allowedOrigins, limits: gatewayLimits } = config.gateway;
  return {
    gateway: { allowedHosts, allowedOrigins, limits: gatewayLimits },
    sessions: config.sessions,
  };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return undefined;
  }
}

function describe(errors: readonly ErrorObject[] | null | undefined, parsed: unknown): string {
  if (parsed === undefined) return 'not a JSON document';
  return (errors ?? [])
    .map(({ instancePath, message, data, params }) => {
      const extra = (params as { additionalProperty?: string }).additionalProperty;
      if (extra !== undefined) return `${instancePath}/${extra}: unknown field`;
      return `${instancePath || '/'}: ${message}, got ${JSON.stringify(data)}`;
    })
    .join('; ');
}
