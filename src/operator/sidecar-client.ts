/**
 * The admin service of a sidecar over gRPC with mutual TLS, behind the port the controllers use. gRPC is loaded for the first
 * sidecar: an operator that looks after no cluster does without its megabytes.
 */
import type { ClientStream, Wire } from '../rpc/index.ts';
import type { Clock, Random } from '../std/index.ts';
import type { Participants } from './core/index.ts';
import type { SidecarClient, SidecarFact, SidecarLink, SidecarTarget } from './ports.ts';

export interface SidecarClientOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/** A member answers its status from memory: silence for so long is a failure. */
const STATUS_TIMEOUT_MS = 1_000;
const CONFIG_TIMEOUT_MS = 5_000;
const CHANGE_TIMEOUT_MS = 5_000;
const TRANSFER_TIMEOUT_MS = 5_000;
/** Wait before the stream of facts is opened again. */
const STREAM_RETRY_MS = 1_000;

export function createSidecarClient(options: SidecarClientOptions): SidecarClient {
  return { connect: (target) => connect(target, options) };
}

const wireOf = (expected: Participants | undefined): Wire.ParticipantsInput | null =>
  expected === undefined
    ? null
    : {
        voters: [...expected.voters],
        votersOutgoing: [...expected.votersOutgoing],
        learners: [...expected.learners],
      };

function connect(target: SidecarTarget, { clock, random }: SidecarClientOptions): SidecarLink {
  let closeChannel = (): void => undefined;
  const opening = import('./sidecar-channel.ts').then(({ openSidecarChannel }) => {
    const channel = openSidecarChannel(target, clock, random);
    closeChannel = channel.close;
    // It was let go of while gRPC was loaded.
    if (!isOpen) channel.close();
    return channel.admin;
  });
  let stream: ClientStream | undefined;
  let cancelRetry = (): void => undefined;
  let isOpen = true;
  const follow = (listener: (fact: SidecarFact) => void): void => {
    const again = (): void => {
      stream = undefined;
      if (isOpen) cancelRetry = clock.schedule(STREAM_RETRY_MS, () => follow(listener));
    };
    const open = async (): Promise<void> => {
      const admin = await opening;
      const opened = await admin.watchEvents({}, { onMessage: listener, onEnd: again });
      if (isOpen) stream = opened;
      else opened.cancel();
    };
    open().catch(again);
  };
  return {
    async status(signal) {
      return (await opening).getStatus({}, { timeoutMs: STATUS_TIMEOUT_MS, signal });
    },
    async applyConfig(generation, config, signal) {
      await (
        await opening
      ).applyConfig({ generation, config }, { timeoutMs: CONFIG_TIMEOUT_MS, signal });
    },
    async changeMembership(changes, expected, signal) {
      await (
        await opening
      ).changeMembership(
        { changes: [...changes], transition: 'auto', expected: wireOf(expected) },
        { timeoutMs: CHANGE_TIMEOUT_MS, signal },
      );
    },
    async transferLeadership(to, signal) {
      await (await opening).transferLeadership({ to }, { timeoutMs: TRANSFER_TIMEOUT_MS, signal });
    },
    async drain(enabled, signal) {
      await (await opening).drain({ enabled }, { timeoutMs: STATUS_TIMEOUT_MS, signal });
    },
    onFact: follow,
    close() {
      isOpen = false;
      cancelRetry();
      stream?.cancel();
      closeChannel();
    },
  };
}
