/** The JSON Schemas of a sidecar's configuration, and the sentences about what breaks them. */
import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import type { GatewayPolicies } from '../gateway/index.ts';
import type { RunningConfig, SidecarConfig } from './config.ts';
import {
  closed,
  flag,
  port,
  positive,
  text,
  texts,
  whole,
  type JsonSchema,
} from './json-schema.ts';
import { POLICIES } from './policies-schema.ts';

const limits = closed({
  bodyBytes: positive,
  headerBytes: positive,
  streamsPerSession: positive,
});
const dynamicGateway = {
  allowedOrigins: texts,
  allowedHosts: texts,
  limits,
  policies: POLICIES,
};
const sessions = closed({
  idleTimeoutMs: positive,
  max: positive,
  resume: closed({
    events: positive,
    bytes: positive,
    replicas: { ...whole, maximum: 2, default: 1 },
  }),
});

const fencedMembers = { ...texts, default: [] };
const RUNNING = closed({ fencedMembers, gateway: closed(dynamicGateway), sessions });
const WHOLE = closed(
  {
    fencedMembers,
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
  },
  { founded: flag },
);

/** A value that was read, or the sentence about what is wrong with it: path, rule and value. */
export type Checked<T> =
  | {
      readonly value: T;
      /** Paths of fields that this version does not know. */ readonly unknown: readonly string[];
    }
  | { readonly problem: string };

export type Check<T> = (content: string) => Checked<T>;

const ajv = new Ajv({
  ...{ allErrors: true, verbose: true, useDefaults: true, discriminator: true },
  // To tidy up the code of a check takes longer than all the checks that a member makes in its life.
  code: { optimize: false },
});

/** Who wrote a document decides whether a field that is not known is a mistake in it. */
interface Author {
  /** True when `path` may have been written by a newer version of ours. */
  mayBeNewer(path: string): boolean;
}

/**
 * Operator and sidecars are not replaced at the same instant: a field that a newer operator added is passed over, and one
 * that an older one does not know has a default. Not so where passing over would let somebody in.
 */
const OPERATOR: Author = { mayBeNewer: (path) => !path.startsWith('/gateway/policies/auth') };
/** What a person writes that is not known is a slip of the pen. */
const PERSON: Author = { mayBeNewer: () => false };

export const checkWhole: Check<SidecarConfig> = checker(WHOLE, OPERATOR);
export const checkRunning: Check<RunningConfig> = checker(RUNNING, OPERATOR);
export const checkPolicies: Check<GatewayPolicies> = checker(POLICIES, PERSON);

function checker<T>(schema: JsonSchema, author: Author): Check<T> {
  // There is nothing around the root that a default of it could be filled into.
  const { default: _default, ...root } = schema;
  // At the first use: no member needs all the checks, and to make one is much of its start.
  let compiled: ValidateFunction<T> | undefined;
  return (content) => {
    const validate = (compiled ??= ajv.compile<T>(root));
    const parsed = parseJson(content);
    if (parsed === undefined) return { problem: 'not a JSON document' };
    if (validate(parsed)) return { value: parsed, unknown: [] };
    const errors = validate.errors ?? [];
    const extra = errors.filter((error) => {
      const path = unknownField(error);
      return path !== undefined && author.mayBeNewer(path);
    });
    return extra.length === errors.length
      ? { value: parsed as T, unknown: extra.map((error) => unknownField(error) as string) }
      : {
          problem: errors
            .filter((error) => !extra.includes(error))
            .map(sentence)
            .join('; '),
        };
  };
}

function parseJson(content: string): unknown {
  try {
    return JSON.parse(content) as unknown;
  } catch {
    return undefined;
  }
}

function unknownField({ instancePath, params }: ErrorObject): string | undefined {
  const name = (params as { additionalProperty?: string }).additionalProperty;
  return name === undefined ? undefined : `${instancePath}/${name}`;
}

function sentence(error: ErrorObject): string {
  const { instancePath, keyword, message, data, params } = error;
  const extra = unknownField(error);
  if (extra !== undefined) return `${extra}: unknown field`;
  const allowed =
    keyword === 'enum'
      ? ` ${(params as { allowedValues: string[] }).allowedValues.join(', ')}`
      : '';
  return `${instancePath || '/'}: ${message}${allowed}, got ${JSON.stringify(data)}`;
}
