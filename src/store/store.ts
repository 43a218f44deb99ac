/** Wires the pure state machine to a log: proposals go in with retries, applied entries come out as results and notices. */
import type { Clock, Random } from '../std/index.ts';
import type { Logger, Metrics } from '../telemetry/index.ts';
import { createCompactor, type HistoryLimits } from './compactor.ts';
import { createStateMachine } from './core/machine.ts';
import { createKeepAlive } from './keep-alive.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { createLogMachine, type MachineObserver } from './log-machine.ts';
import { createStoreMetrics } from './metrics.ts';
import type { KeepAliveAnswer, LeaderLink, ReplicatedLog } from './ports.ts';
import { createProposer } from './proposer.ts';
import { createLocalReads, createReads } from './reads.ts';
import { Shutdown } from './retry.ts';
import type { Store } from './types.ts';
import { createWatchers } from './watchers.ts';
import { createLeases, createWrites } from './writes.ts';

export interface StoreOptions extends Partial<HistoryLimits> {
  /** Must not have been started: the store is its machine. */
  readonly log: ReplicatedLog;
  readonly leaderLink: LeaderLink;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** How long a call is retried before it fails; default 10 s. */
  readonly timeoutMs?: number;
  /** Writes of this node that may wait at once; default 4096. */
  readonly pendingMax?: number;
}

/** The store of one node, and its door for other nodes' keep-alives. */
export interface StoreNode extends Store {
  /** What the leader's side of the lease service answers. */
  serveKeepAlive(id: number, signal?: AbortSignal): Promise<KeepAliveAnswer>;
}

/** Creates the store on `log`; see {@link Store} for what it promises. */
export function createStore(options: StoreOptions): StoreNode {
  const { log, clock, random, logger, metrics } = options;
  const timeoutMs = options.timeoutMs ?? 10_000;
  const shutdown = new Shutdown();
  const retries = { clock, random, timeoutMs, shutdown };
  const machine = createStateMachine();
  const local = createLocalReads(machine);
  const gauges = createStoreMetrics(metrics, machine);
  const watchers = createWatchers(machine, logger);
  const proposer = createProposer({
    ...retries,
    log,
    appliedIndex: () => machine.appliedIndex,
    pendingMax: options.pendingMax ?? 4096,
  });
  const compact = createCompactor({
    log,
    machine,
    proposer,
    logger,
    historyEventsMax: options.historyEventsMax ?? 20_000,
    historyWeightMax: options.historyWeightMax ?? 33_554_432,
  });
  const keeper = createLeaseKeeper({ ...retries, log, machine, proposer, logger });
  const keepAlive = createKeepAlive({ ...retries, log, keeper, leaderLink: options.leaderLink });

  const observer: MachineObserver = {
    applied(command, outcome) {
      keeper.observe(outcome);
      gauges.applied(outcome);
      watchers.notify();
      proposer.settle(command.proposal, outcome);
      compact();
    },
    restored() {
      proposer.restored((proposal) => machine.knows(proposal));
      watchers.notify();
    },
  };
  log.use(createLogMachine(machine, observer));

  return {
    ...createWrites(proposer),
    ...createReads(log, local, retries),
    local,
    lease: createLeases(proposer, keepAlive),
    watch(request, listener) {
      const cancel = watchers.add(request, listener);
      gauges.watchers(watchers.size);
      return () => {
        cancel();
        gauges.watchers(watchers.size);
      };
    },
    revision: () => machine.revision,
    serveKeepAlive: keeper.serveKeepAlive,
    async stop() {
      shutdown.begin();
      keeper.stop();
      watchers.stop();
      gauges.watchers(0);
      gauges.stop();
      await Promise.resolve();
    },
  };
}
