/** The sending side of a snapshot: pieces of a file on request, at a limited rate, no faster than the receiver reads. */
import { delay, type Clock } from '../std/index.ts';
import { RpcError, type ServerStream, type Wire } from '../rpc/index.ts';
import { maySpeakAs } from '../rpc/index.ts';
import type { CounterMetric } from '../telemetry/index.ts';
import type { SnapshotPort, TransportOptions } from './peers.ts';
import { createReadings, type Reading } from './snapshot-reading.ts';

const BYTES_PER_SECOND = 32 * 2 ** 20;
const CHUNK_BYTES = 64 * 2 ** 10;
/** Bytes answered to one request at most. */
const PIECE_BYTES_MAX = 4 * 2 ** 20;

interface ServerPorts {
  /** Whether this process of a member has a stream here, where it proved who it is. */
  isConnected(id: string, instance: string): boolean;
  snapshots(groupId: string): SnapshotPort | undefined;
}

type ChunkStream = ServerStream<Wire.SnapshotChunkInput>;

export interface SnapshotServer {
  serve(request: Wire.FetchRequest, stream: ChunkStream): void;
  stop(): void;
}

export function createSnapshotServer(
  options: Pick<TransportOptions, 'clock' | 'metrics' | 'snapshotBytesPerSecond'>,
  ports: ServerPorts,
): SnapshotServer {
  const pace = createPace(options.clock, options.snapshotBytesPerSecond ?? BYTES_PER_SECOND);
  const sent = options.metrics.counter(
    'raft_snapshot_sent_bytes_total',
    'Bytes of snapshots sent to other members.',
  );
  const readings = createReadings(options.clock);
  const active = new Map<string, (error: RpcError) => void>();

  const answer = async (
    request: Wire.FetchRequest,
    port: SnapshotPort,
    key: string,
    sending: Pick<Sending, 'stream' | 'isOver'>,
  ): Promise<void> => {
    const { index, offset } = request;
    const reading = await readings.begin(key, index, offset, port);
    reading.isBusy = true;
    try {
      await sendPiece(request, reading, { ...sending, pace, sent });
    } finally {
      readings.pause(key, reading);
    }
  };
  return {
    serve(request, stream) {
      const key = `${request.nodeId}/${request.groupId}`;
      const port = findPort(request, stream.caller, ports);
      if (port instanceof RpcError) return stream.end(port);
      let over = false;
      const end = (error?: RpcError): void => {
        if (over) return;
        over = true;
        if (active.get(key) === end) active.delete(key);
        stream.end(error);
      };
      active.get(key)?.(new RpcError('aborted', 'replaced by a newer request'));
      active.set(key, end);
      stream.signal.addEventListener('abort', () => end(), { once: true });
      answer(request, port, key, { stream, isOver: () => over }).then(() => end(), end);
    },
    stop: () => readings.stop(),
  };
}

function findPort(
  request: Wire.FetchRequest,
  caller: ChunkStream['caller'],
  ports: ServerPorts,
): SnapshotPort | RpcError {
  const { nodeId, instance, groupId, offset, limit } = request;
  if (!maySpeakAs(caller, nodeId)) {
    return new RpcError('permission-denied', `the certificate is not that of ${nodeId}`);
  }
  if (!ports.isConnected(nodeId, instance)) {
    return new RpcError('unavailable', 'only for a member that has a stream open');
  }
  const isPart = Number.isSafeInteger(offset) && offset >= 0 && limit > 0;
  if (!isPart) return new RpcError('out-of-range', 'no such part of a snapshot');
  return ports.snapshots(groupId) ?? new RpcError('not-found', 'there are no snapshots');
}

interface Sending {
  readonly stream: ChunkStream;
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>;
  readonly sent: CounterMetric;
  isOver(): boolean;
}

async function sendPiece(
  request: Wire.FetchRequest,
  reading: Reading,
  { stream, pace, sent, isOver }: Sending,
): Promise<void> {
  const { signal } = stream;
  const gone = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  const end = Math.min(request.offset + Math.min(request.limit, PIECE_BYTES_MAX), reading.bytes);
  while (reading.position < end && !isOver()) {
    const offset = reading.position;
    const data = await reading.next(Math.min(CHUNK_BYTES, end - offset));
    if (data.length === 0) throw new RpcError('data-loss', 'the snapshot ends before its end');
    await pace(data.length, signal).catch(() => undefined);
    if (isOver()) return;
    const taken = new Promise<void>((resolve) => {
      if (!stream.send({ offset, data }, data.length, resolve)) resolve();
    });
    await Promise.race([taken, gone]);
    sent.inc({}, data.length);
  }
}

/** Resolves when so many bytes may be sent: all who ask share the rate. */
function createPace(
  clock: Clock,
  bytesPerSecond: number,
): (bytes: number, signal: AbortSignal) => Promise<void> {
  let freeAt = 0;
  return async (bytes, signal) => {
    const now = clock.monotonic();
    const waitMs = freeAt - now;
    freeAt = Math.max(now, freeAt) + (bytes * 1_000) / bytesPerSecond;
    // Timers are coarse: what is due within one is sent at once, and the next wait is the longer for it.
    if (waitMs > 1) await delay(clock, waitMs, signal);
  };
}
