/** The sidecar's configuration: one frozen value, read from the operator's file or built from flags. */
import { readFile } from 'node:fs/promises';
import type { GatewayPolicies } from '../gateway/index.ts';
import { UsageError } from '../host/index.ts';
import { checkPolicies, checkRunning, checkWhole } from './config-schema.ts';
import { policiesProblem } from './policies-schema.ts';

/** What a running sidecar takes over without a restart; the operator replicates it under `/config`. */
export interface RunningConfig {
  /** Members that take no sessions and do not lead, until they are named here no more. */
  readonly fencedMembers: readonly string[];
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
    /** Balancing, health, bulkheads, rates, who may call. */
    readonly policies: GatewayPolicies;
  };
  readonly sessions: {
    readonly idleTimeoutMs: number;
    /** Live sessions in the whole cluster; one more is refused. */
    readonly max: number;
    /** Events kept per stream for `Last-Event-ID`, and on how many other members. */
    readonly resume: {
      readonly events: number;
      readonly bytes: number;
      readonly replicas: number;
    };
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
  /** Who founds the cluster, and whom a member asks first where the others are. */
  readonly voters: readonly string[];
  /** The cluster exists: whoever has no data joins it. Default false. */
  readonly founded?: boolean;
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

/** A configuration that was read, and the paths of fields in it that this version does not know. */
export interface ReadConfig<T> {
  readonly config: T;
  readonly unknown: readonly string[];
}

/** Reads the file the operator wrote; a {@link UsageError} names the field, its value and what is allowed. */
export async function readConfigFile(path: string): Promise<ReadConfig<SidecarConfig>> {
  const content = await readText('--config', path);
  const checked = checkWhole(content);
  if ('problem' in checked) throw new UsageError(`${path}: ${checked.problem}`);
  const { value, unknown } = checked;
  const { min, max } = value.consensus.electionTimeoutMs;
  if (min > max)
    throw new UsageError(`${path}: /consensus/electionTimeoutMs: min ${min} > max ${max}`);
  const problem = policiesProblem(value.gateway.policies);
  if (problem !== undefined) throw new UsageError(`${path}: /gateway/policies${problem}`);
  return { config: Object.freeze(value), unknown };
}

/** Reads policies that a person wrote for a sidecar without Kubernetes; what is left out has its default. */
export async function readPoliciesFile(path: string): Promise<GatewayPolicies> {
  const checked = checkPolicies(await readText('--policies', path));
  const problem = 'problem' in checked ? checked.problem : policiesProblem(checked.value);
  if ('problem' in checked || problem !== undefined) {
    throw new UsageError(`--policies ${path}: ${problem}`);
  }
  return checked.value;
}

/** Parses a replicated configuration; the error is a sentence with field, value and rule. */
export function parseRunningConfig(
  content: string,
): ReadConfig<RunningConfig> | { readonly problem: string } {
  const checked = checkRunning(content);
  if ('problem' in checked) return checked;
  const problem = policiesProblem(checked.value.gateway.policies);
  if (problem !== undefined) return { problem: `/gateway/policies${problem}` };
  return { config: checked.value, unknown: checked.unknown };
}

/** The part of a whole configuration that may change while the sidecar runs. */
export function runningPart(config: SidecarConfig): RunningConfig {
  const { allowedHosts, allowedOrigins, limits, policies } = config.gateway;
  return {
    fencedMembers: config.fencedMembers,
    gateway: { allowedHosts, allowedOrigins, limits, policies },
    sessions: config.sessions,
  };
}

async function readText(flag: string, path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`cannot read ${flag} ${path}: ${(error as Error).message}`);
  });
}
