/** The sending side of a snapshot: pieces of a file on request, at a limited rate, no faster than the receiver reads. */
import { delay, type Clock } from '../std/index.ts';
import { RpcError, type ServerStream, type Wire } from '../rpc/index.ts';
import type { CounterMetric } from '../telemetry/index.ts';
import type { SnapshotPort, TransportOptions } from './peers.ts';

const BYTES_PER_SECOND = 32 * 2 ** 20;
const CHUNK_BYTES = 64 * 2 ** 10;
/** Bytes answered to one request at most. */
const FETCH_BYTES_MAX = 4 * 2 ** 20;

interface ServerPorts {
  /** Whether this process of a member has a stream here, where it proved who it is. */
  isConnected(id: string, instance: string): boolean;
  snapshots(groupId: string): SnapshotPort | undefined;
}

type ChunkStream = ServerStream<Wire.SnapshotChunkInput>;

export function createSnapshotServer(
  options: Pick<TransportOptions, 'clock' | 'metrics' | 'snapshotBytesPerSecond'>,
  ports: ServerPorts,
): (request: Wire.FetchRequest, stream: ChunkStream) => void {
  const pace = createPace(options.clock, options.snapshotBytesPerSecond ?? BYTES_PER_SECOND);
  const sent = options.metrics.counter(
    'raft_snapshot_sent_bytes_total',
    'Bytes of snapshots sent to other members.',
  );
  const active = new Map<string, (error: RpcError) => void>();
  return (request, stream) => {
    const key = `${request.nodeId}/${request.groupId}`;
    const file = findFile(request, ports);
    if (file instanceof RpcError) return stream.end(file);
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
    sendPiece(request, file, { stream, pace, sent, isOver: () => over }).then(
      () => end(),
      (error: Error) =>
        end(new RpcError('data-loss', `cannot read the snapshot: ${error.message}`)),
    );
  };
}

interface SnapshotBytes {
  read(offset: number): AsyncIterable<Uint8Array>;
}

function findFile(request: Wire.FetchRequest, ports: ServerPorts): SnapshotBytes | RpcError {
  const { nodeId, instance, groupId, index, offset, limit } = request;
  if (!ports.isConnected(nodeId, instance)) {
    return new RpcError('unavailable', 'only for a member that has a stream open');
  }
  const snapshots = ports.snapshots(groupId);
  const file = snapshots?.describe(index);
  if (snapshots === undefined || file === undefined) {
    return new RpcError('not-found', `no snapshot ${index} of group ${groupId}`);
  }
  const isOffset = Number.isSafeInteger(offset) && offset >= 0 && offset < file.bytes;
  if (!isOffset || limit <= 0) return new RpcError('out-of-range', 'no such part of the snapshot');
  return { read: (from) => snapshots.read(index, from) };
}

interface Sending {
  readonly stream: ChunkStream;
  readonly pace: (bytes: number, signal: AbortSignal) => Promise<void>;
  readonly sent: CounterMetric;
  isOver(): boolean;
}

async function sendPiece(
  request: Wire.FetchRequest,
  file: SnapshotBytes,
  { stream, pace, sent, isOver }: Sending,
): Promise<void> {
  const { signal } = stream;
  const gone = new Promise<void>((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true }),
  );
  let { offset } = request;
  const end = offset + Math.min(request.limit, FETCH_BYTES_MAX);
  for await (const block of file.read(offset)) {
    for (let at = 0; at < block.length && offset < end;) {
      const data = block.subarray(at, at + Math.min(CHUNK_BYTES, end - offset));
      await pace(data.length, signal).catch(() => undefined);
      if (isOver()) return;
      const taken = new Promise<void>((resolve) => {
        if (!stream.send({ offset, data }, data.length, resolve)) resolve();
      });
      await Promise.race([taken, gone]);
      sent.inc({}, data.length);
      at += data.length;
      offset += data.length;
    }
    if (offset >= end || isOver()) return;
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
