/** The receiving side of a snapshot: pulls the file that a leader announced, piece by piece, and tells the core when it is here. */
import { createBackoff, delay } from '../std/index.ts';
import { RpcError } from '../rpc/index.ts';
import type { CounterMetric, Metrics } from '../telemetry/index.ts';
import type { SnapshotInfo } from './codec.ts';
import type { SnapshotMessage } from './core/index.ts';
import type { Message } from './core/index.ts';
import type { Link } from './link.ts';
import type { SnapshotPort, SnapshotReceiver, TransportOptions } from './peers.ts';
import { fetchPiece } from './snapshot-piece.ts';

/** Bytes asked for at once, and so the most that is in memory. */
const PIECE_BYTES = 2 * 2 ** 20;
/** Attempts without a single byte before the transfer is given up; the leader announces another when it still has to. */
const ATTEMPTS_MAX = 10;
const RETRY_BACKOFF = { initialMs: 50, maxMs: 2_000 };

export interface FetcherOptions extends Pick<
  TransportOptions,
  'id' | 'instance' | 'clock' | 'random' | 'logger' | 'metrics'
> {
  readonly groupId: string;
  readonly snapshots: SnapshotPort;
  /** Calls to a member that is connected. */
  client(id: string): Link['client'] | undefined;
  send(message: Message): void;
  /** The file of this announcement is complete and has the hash that was announced. */
  onArrived(message: SnapshotMessage): void;
}

export interface SnapshotFetcher {
  /** A leader says that this member needs a snapshot. */
  announced(message: SnapshotMessage, file: SnapshotInfo): void;
  stop(): void;
}

interface Transfer {
  /** The latest announcement of it. */
  message: SnapshotMessage;
  readonly file: SnapshotInfo;
  readonly cancel: AbortController;
}

/** One transfer at a time: a newer snapshot, or one of a newer leader, takes the place of an older. */
export function createSnapshotFetcher(options: FetcherOptions): SnapshotFetcher {
  const { logger, metrics, snapshots } = options;
  const transfers = metrics.counter(
    'raft_snapshot_transfers_total',
    'Snapshots that this member was to receive.',
    ['result'],
  );
  receivedBytes(metrics);
  let current: Transfer | undefined;
  let done = Promise.resolve();
  let stopped = false;

  const fail = (transfer: Transfer, error: Error): void => {
    const { from, term, meta } = transfer.message;
    const { index } = meta;
    const isWrong = (error as { code?: string }).code === 'snapshot-hash';
    transfers.inc({ result: isWrong ? 'wrong-hash' : 'failed' });
    logger.warn('snapshot not received', { from, index, error: error.message });
    const { id, groupId } = options;
    const type = 'snapshot-response';
    options.send({ type, groupId, from: id, to: from, term, index, arrived: false });
  };
  const run = async (transfer: Transfer): Promise<void> => {
    const isCurrent = (): boolean => current === transfer && !stopped;
    if (!isCurrent()) return;
    try {
      await receiveFile(transfer, options);
      if (!isCurrent()) return;
      transfers.inc({ result: 'arrived' });
      options.onArrived(transfer.message);
    } catch (error) {
      if (isCurrent()) fail(transfer, error as Error);
    } finally {
      if (current === transfer) current = undefined;
    }
  };
  return {
    announced(message, file) {
      if (stopped) return;
      if (current !== undefined) {
        if (isSame(current, message, file)) {
          if (message.term > current.message.term) current.message = message;
          return;
        }
        if (!isNewer(message, current.message)) return;
        transfers.inc({ result: 'superseded' });
        current.cancel.abort();
      }
      current = undefined;
      if (snapshots.describe(message.meta.index)?.sha256 === file.sha256) {
        return options.onArrived(message);
      }
      const transfer = { message, file, cancel: new AbortController() };
      current = transfer;
      done = done.then(() => run(transfer));
    },
    stop() {
      stopped = true;
      current?.cancel.abort();
    },
  };
}

function isSame(current: Transfer, message: SnapshotMessage, file: SnapshotInfo): boolean {
  const { from, meta } = current.message;
  return (
    from === message.from &&
    meta.index === message.meta.index &&
    current.file.sha256 === file.sha256
  );
}

function isNewer(message: SnapshotMessage, than: SnapshotMessage): boolean {
  if (message.term !== than.term) return message.term > than.term;
  return message.meta.index > than.meta.index;
}

/** Resolves when the file is complete or the transfer was cancelled; rejects when it cannot be had. */
async function receiveFile(transfer: Transfer, options: FetcherOptions): Promise<void> {
  const { message, file, cancel } = transfer;
  const receiver = await options.snapshots.receive({ meta: message.meta, ...file });
  try {
    await receiveAll(receiver, transfer, options);
  } catch (error) {
    await receiver.abort();
    throw error;
  }
  if (cancel.signal.aborted) await receiver.abort();
  else await receiver.finish();
}

const receivedBytes = (metrics: Metrics): CounterMetric =>
  metrics.counter(
    'raft_snapshot_received_bytes_total',
    'Bytes of snapshots received from other members.',
  );

async function receiveAll(
  receiver: SnapshotReceiver,
  { message, file, cancel }: Transfer,
  options: FetcherOptions,
): Promise<void> {
  const { clock, random, groupId, id, instance } = options;
  const { signal } = cancel;
  const backoff = createBackoff(RETRY_BACKOFF, random);
  const received = receivedBytes(options.metrics);
  let { offset } = receiver;
  let attempts = 0;
  while (offset < file.bytes && !signal.aborted) {
    const limit = Math.min(PIECE_BYTES, file.bytes - offset);
    const request = { groupId, nodeId: id, instance, index: message.meta.index, offset, limit };
    const add = async (chunk: Uint8Array): Promise<void> => {
      await receiver.add(chunk);
      offset += chunk.length;
      received.inc({}, chunk.length);
    };
    const error = await fetchPiece(request, add, {
      client: options.client(message.from),
      clock,
      signal,
    });
    attempts = offset > request.offset ? 0 : attempts + 1;
    if (attempts === 0) backoff.reset();
    if (error === undefined || signal.aborted) continue;
    const isFinal = !(error instanceof RpcError) || FINAL.has(error.code);
    if (isFinal || attempts >= ATTEMPTS_MAX) throw error;
    await delay(clock, backoff.next(), signal).catch(() => undefined);
  }
}

/** Answers that no repetition changes: the leader has to announce another snapshot. */
const FINAL: ReadonlySet<string> = new Set([
  'not-found',
  'out-of-range',
  'data-loss',
  'invalid-argument',
  'unimplemented',
]);
