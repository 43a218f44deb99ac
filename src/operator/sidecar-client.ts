/** The admin service of a sidecar over gRPC with mutual TLS, behind the port the controllers use. */
import { SIDECAR_PORTS } from '../api/index.ts';
import { createChannel, services, type ClientStream, type Wire } from '../rpc/index.ts';
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
  const channel = createChannel({
    resolve: () => Promise.resolve({ host: target.address, port: SIDECAR_PORTS.peer }),
    tls: target.tls,
    serverName: target.serverName,
    clusterId: target.clusterId,
    clock,
    random,
  });
  const admin = channel.client(services.admin);
  let stream: ClientStream | undefined;
  let cancelRetry = (): void => undefined;
  let isOpen = true;
  const follow = (listener: (fact: SidecarFact) => void): void => {
    const again = (): void => {
      stream = undefined;
      if (isOpen) cancelRetry = clock.schedule(STREAM_RETRY_MS, () => follow(listener));
    };
    admin.watchEvents({}, { onMessage: listener, onEnd: again }).then((opened) => {
      if (isOpen) stream = opened;
      else opened.cancel();
    }, again);
  };
  return {
    async status(signal) {
      return admin.getStatus({}, { timeoutMs: STATUS_TIMEOUT_MS, signal });
    },
    async applyConfig(generation, config, signal) {
      await admin.applyConfig({ generation, config }, { timeoutMs: CONFIG_TIMEOUT_MS, signal });
    },
    async changeMembership(changes, expected, signal) {
      await admin.changeMembership(
        { changes: [...changes], transition: 'auto', expected: wireOf(expected) },
        { timeoutMs: CHANGE_TIMEOUT_MS, signal },
      );
    },
    async transferLeadership(to, signal) {
      await admin.transferLeadership({ to }, { timeoutMs: TRANSFER_TIMEOUT_MS, signal });
    },
    async drain(enabled, signal) {
      await admin.drain({ enabled }, { timeoutMs: STATUS_TIMEOUT_MS, signal });
    },
    onFact: follow,
    close() {
      isOpen = false;
      cancelRetry();
      stream?.cancel();
      channel.close();
    },
  };
}
