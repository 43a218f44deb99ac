/** One member of a cluster as a process: starts its parts in order, says whether it is ready, stops it without loss. */
import { serveAdmin } from '../admin/index.ts';
import { createLifecycle, systemClock, systemRandom, type Lifecycle } from '../host/index.ts';
import { createRpcServer } from '../rpc/index.ts';
import { createMetrics, type Logger, type Metrics } from '../telemetry/index.ts';
import { createAdminMember } from './admin-member.ts';
import { beginAgain } from './begin-again.ts';
import { publishFacts } from './cluster-facts.ts';
import { createCordon, type Cordon } from './cordon.ts';
import { createDeparture, forgetWord, type MemberDeparture } from './departure.ts';
import { createEventHub } from './events.ts';
import { fenceWhenDivergent } from './fence.ts';
import { foundingOf, type Founding } from './founding.ts';
import { createHealthHandler, listenHealth, type Readiness } from './health.ts';
import { keepLearners } from './learners.ts';
import type { SidecarFlags } from './options.ts';
import { createParts, type Parts } from './parts.ts';
import { planMember, type MemberPlan } from './plan.ts';
import { announcePresence } from './presence.ts';
import { readinessOf } from './readiness.ts';
import { asUsageError } from './usage-errors.ts';

export interface RunningSidecar {
  /** Gives sessions and lease back, then stops every part. */
  stop(): Promise<void>;
}

/**
 * Starts a member; resolves when every port listens. Rejects with {@link UsageError} for a flag, a file, a folder or a
 * port that cannot be used, and when `signal` aborts while it waits for its folder or certificate; nothing runs then.
 */
export async function runSidecar(
  flags: SidecarFlags,
  logger: Logger,
  signal?: AbortSignal,
): Promise<RunningSidecar> {
  const metrics = createMetrics({ processMetrics: true, namespace: 'mcp_cluster' });
  const lifecycle = createLifecycle();
  try {
    const planning = { clock: systemClock, logger, metrics, lifecycle, signal };
    const plan = await planMember(flags, planning);
    lifecycle.add('TLS material', () => plan.tls.stop());
    lifecycle.add('pod annotations', () => plan.annotations.stop());
    const tools = { lifecycle, metrics, logger: logger.child({ node: plan.id }) };
    return await startMember(plan, tools);
  } catch (error) {
    await lifecycle.stop();
    throw asUsageError(error);
  }
}

interface MemberTools {
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

async function startMember(plan: MemberPlan, tools: MemberTools): Promise<RunningSidecar> {
  const { lifecycle, logger } = tools;
  await forgetWord(plan.handOverFile);
  await beginAgain(plan, logger);
  const founding = await foundingOf(plan);
  if (founding.voters.length === 0) {
    logger.warn('this member has no data, and its cluster exists: it joins');
  }
  const member = assemble(plan, founding, tools);
  const { parts } = member;
  lifecycle.add('rpc server', () => member.rpcServer.stop());
  await parts.raft.start();
  // It stops before the server: a leader hands over first, and the others must reach it for that.
  lifecycle.add('raft', () => parts.raft.stop());
  await member.rpcServer.listen();
  if (plan.metricsPort !== undefined) {
    const server = await listenHealth(member.health, plan.bind, plan.metricsPort);
    lifecycle.add('health', () => {
      server.close();
      server.closeAllConnections();
    });
  }
  await parts.membership.start();
  lifecycle.add('gossip', () => parts.membership.stop());
  if (plan.learners === 'by-gossip') {
    const deadAfterMs = plan.learnerDeadAfterMs;
    lifecycle.add('learners', keepLearners({ ...parts, clock: systemClock, logger, deadAfterMs }));
  }
  parts.config.start();
  lifecycle.add('configuration', () => parts.config.stop());
  parts.ownership.start();
  lifecycle.add('lease', () => parts.ownership.stop());
  if (parts.gateway !== undefined) {
    const { gateway } = parts;
    lifecycle.add('gateway', () => gateway.stop());
    await gateway.start();
  }
  lifecycle.add('fence', fenceWhenDivergent({ ...parts, logger }));
  const { annotations } = plan;
  const { isAway } = member;
  lifecycle.add('presence', announcePresence({ parts, annotations, isAway }));
  logger.info('member runs', { clusterId: plan.clusterId, voters: plan.voters });
  return {
    async stop() {
      member.drain();
      await parts.gateway?.drain();
      await parts.ownership.stop();
      await parts.membership.leave();
      for (const { name, error } of await lifecycle.stop()) {
        logger.warn('part did not stop in order', { part: name, error: String(error) });
      }
    },
  };
}

/** Creates every part and adds every service; nothing listens yet. */
function assemble(plan: MemberPlan, founding: Founding, tools: MemberTools) {
  const { lifecycle, metrics, logger } = tools;
  const instance = Buffer.from(systemRandom.bytes(8)).toString('hex');
  let parts: Parts | undefined;
  let cordon: Cordon | undefined;
  let departure: MemberDeparture | undefined;
  let draining = false;
  const isDraining = (): boolean => draining || departure?.hasBegun() === true;
  const away = (): string => {
    const reason = cordon?.reason() ?? '';
    return isDraining() || reason === 'asked' ? 'draining' : reason;
  };
  const readiness = (): Readiness => readinessOf(parts, away());
  const health = createHealthHandler({
    readiness,
    problems: () => parts?.problems() ?? [],
    raftStatus: () => (parts as Parts).raft.status(),
    serverMayStop: (signal) => (departure as MemberDeparture).serverMayStop(signal),
    metrics,
  });
  const rpcServer = createRpcServer({
    address: plan.bind,
    port: plan.clusterPort,
    tls: plan.tls,
    clusterId: plan.clusterId,
    logger,
    metrics,
    ...(plan.metricsPort === undefined ? { plainHttp: health } : {}),
  });
  parts = createParts({ plan, founding, instance, rpcServer, lifecycle, logger, metrics });
  const events = createEventHub(systemClock);
  lifecycle.add('facts', publishFacts({ ...parts, events }));
  const { config } = parts;
  const fenced = (): readonly string[] => config.current().fencedMembers;
  cordon = createCordon({ ...parts, self: plan.id, fenced, clock: systemClock, logger });
  lifecycle.add('cordon', () => cordon?.stop());
  departure = createDeparture({ ...parts, file: plan.handOverFile, clock: systemClock, logger });
  serveAdmin(
    rpcServer,
    createAdminMember({ plan, instance, parts, events, readiness, isDraining, cordon }),
  );
  const drain = (): void => void (draining = true);
  return { parts, health, rpcServer, isAway: () => away() !== '', drain };
}
