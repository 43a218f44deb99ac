/** All connections of one port, plain or TLS, and the one timer that looks after them. */
import type { Socket } from 'node:net';
import type { CancelTimer, Clock } from '../../std/index.ts';
import { Connection } from './connection.ts';
import type { Answer, ConnectionLimits, ServerRequest } from './types.ts';

export interface Http1ServerOptions {
  readonly limits: ConnectionLimits;
  /** Shortest interval of a keepalive that will be asked for. */
  readonly keepaliveMs: number;
  /** Rejections cut the connection and are told to `onError`. */
  readonly handle: (request: ServerRequest, answer: Answer) => Promise<void>;
  readonly onError: (error: unknown) => void;
  /** A limit by name was reached by a client. */
  readonly onCutOff: (limit: string) => void;
  readonly clock: Clock;
}

export interface Http1Server {
  accept(socket: Socket): void;
  /** Cuts every connection. */
  stop(): void;
}

/** The time limits are looked at this often at least, or four times in the shortest of them. */
const TICK_MAX_MS = 1_000;

export function createHttp1Server(options: Http1ServerOptions): Http1Server {
  const { clock, limits } = options;
  const connections = new Set<Connection>();
  const { headMs, bodyMs, keepAliveMs, stalledMs } = limits;
  const shortest = Math.min(headMs, bodyMs, keepAliveMs, stalledMs, options.keepaliveMs);
  const tickMs = Math.min(TICK_MAX_MS, shortest / 4);
  let cancel: CancelTimer | undefined;
  const tick = (): void => {
    const now = clock.monotonic();
    for (const connection of connections) connection.tick(now);
    cancel = connections.size === 0 ? undefined : clock.schedule(tickMs, tick);
  };
  const events = {
    handle: (request: ServerRequest, answer: Answer): void => {
      options.handle(request, answer).catch((error: unknown) => {
        options.onError(error);
        answer.destroy();
      });
    },
    cutOff: options.onCutOff,
    monotonic: () => clock.monotonic(),
  };
  return {
    accept(socket) {
      const connection = new Connection(socket, limits, events);
      connections.add(connection);
      socket.on('close', () => connections.delete(connection));
      cancel ??= clock.schedule(tickMs, tick);
    },
    stop() {
      cancel?.();
      for (const connection of connections) connection.destroy();
    },
  };
}
