/**
 * A pod that is deleted from outside. The kubelet runs the hooks of all its containers at once: the sidecar's writes a file that
 * only this container has, which is the word to leave; the server's asks `/drained`, which answers when the server may stop. The
 * file is looked for only while somebody asks, so whoever reaches the port can make nobody leave.
 */
import { access, rm } from 'node:fs/promises';
import type { Gateway } from '../gateway/index.ts';
import { UsageError } from '../host/index.ts';
import type { RaftNode } from '../raft/index.ts';
import { delay, type Clock } from '../std/index.ts';
import type { Logger } from '../telemetry/index.ts';
import { summary, whyServerMayStop, WORD_AWAITED_MS, type Departure } from './core/departure.ts';

const LOOK_MS = 50;

export interface MemberDeparture {
  /** True from the word to leave; it is never taken back. */
  hasBegun(): boolean;
  /** Resolves with the reason when the server may stop; rejects when `signal` aborts first. */
  serverMayStop(signal: AbortSignal): Promise<string>;
}

export interface DepartureOptions {
  /** Undefined: nobody can tell this member to leave. */
  readonly file: string | undefined;
  readonly gateway: Pick<Gateway, 'backendReady' | 'handOver' | 'drain'> | undefined;
  readonly raft: Pick<RaftNode, 'status' | 'transferLeadership'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createDeparture(options: DepartureOptions): MemberDeparture {
  const { file, gateway, clock } = options;
  let state: Departure = { phase: 'staying' };
  const left = Promise.withResolvers<void>();
  const begin = async (): Promise<void> => {
    state = { phase: 'leaving' };
    state = { phase: 'left', handedOver: await leave(options) };
    left.resolve();
  };
  let lookUntil = -Infinity;
  let looking: Promise<void> | undefined;
  /** However many ask, one looks, and goes on after they were answered: the word may come later than the question. */
  const look = async (file: string): Promise<void> => {
    while (state.phase === 'staying' && clock.monotonic() < lookUntil) {
      if (await isThere(file)) return void begin();
      await delay(clock, LOOK_MS);
    }
  };
  return {
    hasBegun: () => state.phase !== 'staying',
    async serverMayStop(signal) {
      const since = clock.monotonic();
      lookUntil = since + WORD_AWAITED_MS;
      if (file !== undefined) looking ??= look(file).finally(() => (looking = undefined));
      for (;;) {
        const why = whyServerMayStop(state, {
          waitedMs: clock.monotonic() - since,
          canBeTold: file !== undefined,
          serverAnswers: gateway?.backendReady() === true,
        });
        if (why !== undefined) return why;
        signal.throwIfAborted();
        await Promise.race([left.promise, delay(clock, LOOK_MS)]);
      }
    },
  };
}

/** Leadership first, since what moves sessions has to be agreed on. Never rejects. */
async function leave({ gateway, raft, logger }: DepartureOptions) {
  logger.info('the pod is being deleted: leadership and sessions are handed over');
  const { role, configuration } = raft.status();
  if (role === 'leader' && configuration.voters.length > 1) {
    await raft.transferLeadership().catch((error: unknown) => {
      logger.warn('leadership was not handed over', { error: String(error) });
    });
  }
  const handedOver = (await gateway?.handOver()) ?? { moved: 0, released: 0, cut: 0 };
  logger.info('the server may stop', { why: summary(handedOver), ...handedOver });
  // Clients find other pods while the server stops.
  void gateway?.drain();
  return handedOver;
}

/** What an earlier process of this container was told is forgotten. Rejects with a {@link UsageError}. */
export async function forgetWord(file: string | undefined): Promise<void> {
  if (file === undefined) return;
  await rm(file, { force: true }).catch((error: unknown) => {
    throw new UsageError(`--hand-over-file ${file}: ${(error as Error).message}`);
  });
}

const isThere = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
