/** One request for a piece of a snapshot: what comes in is checked, written in order, and awaited. */
import type { Clock } from '../std/index.ts';
import { RpcError, type ClientStream, type Wire } from '../rpc/index.ts';
import type { Link } from './link.ts';

/** Silence after which a request is given up. */
const STALL_MS = 10_000;

interface PieceOptions {
  /** The way to the sender; undefined while there is none. */
  readonly client: Link['client'] | undefined;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Gives each chunk to `add`, one after the other. Resolves when all that came in is added: with the error that ended the
 * piece before its limit, an RpcError when the sender or the way to it is the cause.
 */
export async function fetchPiece(
  request: Required<Wire.FetchRequest>,
  add: (chunk: Uint8Array) => Promise<void>,
  { client, clock, signal }: PieceOptions,
): Promise<Error | undefined> {
  if (client === undefined) return new RpcError('unavailable', 'no way to the sender');
  let expected = request.offset;
  const limit = request.offset + request.limit;
  let failure: Error | undefined;
  let stream: ClientStream | undefined;
  let adding = Promise.resolve();
  const fail = (error: Error): void => {
    failure ??= error;
    stream?.cancel();
  };
  const watch = (): (() => void) =>
    clock.schedule(STALL_MS, () => fail(new RpcError('deadline-exceeded', 'the sender stalls')));
  let unwatch = watch();
  await new Promise<void>((resolve) => {
    const receiver = {
      onMessage({ offset, data }: Wire.SnapshotChunk) {
        unwatch();
        unwatch = watch();
        if (failure !== undefined) return;
        if (offset !== expected || data.length === 0 || offset + data.length > limit) {
          return fail(new RpcError('aborted', 'a chunk that was not asked for'));
        }
        expected += data.length;
        adding = adding.then(() => (failure === undefined ? add(data) : undefined)).catch(fail);
      },
      onEnd(error?: RpcError) {
        if (error !== undefined) failure ??= error;
        resolve();
      },
    };
    client.fetchSnapshot(request, receiver, { signal }).then(
      (opened) => {
        stream = opened;
        if (failure !== undefined) opened.cancel();
      },
      (error: Error) => receiver.onEnd(error as RpcError),
    );
  });
  unwatch();
  await adding;
  if (failure === undefined && expected === request.offset) {
    return new RpcError('aborted', 'the sender ended without a byte');
  }
  return failure;
}
