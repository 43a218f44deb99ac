/** The calling side of a service: promises for unary calls, small stream objects for the rest. */
import type {
  ClientDuplexStream,
  ClientReadableStream,
  Client,
  MethodDefinition,
} from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import { RpcError } from '../std/index.ts';
import { fromServiceError } from './status.ts';
import { createSender, type Sender } from './sender.ts';
import type { MethodTypes, RpcService, ServiceTypes } from './service.ts';

/** Limit on a unary call that names none. */
const UNARY_TIMEOUT_MS = 5_000;

export interface CallOptions {
  /** Limit on the whole call, connecting included; unary calls have 5000 by default, streams none. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Receives what comes in on a stream. */
export interface StreamReceiver<In> {
  onMessage(message: In): void;
  /** Called exactly once; `error` is undefined when the server ended the stream in good order. */
  onEnd(error?: RpcError): void;
}

export interface ClientStream {
  cancel(): void;
}
export interface ClientBidiStream<Out> extends ClientStream, Sender<Out> {
  /** Says that nothing more will be sent. */
  end(): void;
}

/** One function per method. Streams resolve once they are open; every failure is an {@link RpcError}. */
export type ClientMethod<M extends MethodTypes> = M['kind'] extends 'unary'
  ? (request: M['requestInput'], options?: CallOptions) => Promise<M['response']>
  : M['kind'] extends 'server-stream'
    ? (
        request: M['requestInput'],
        receiver: StreamReceiver<M['response']>,
        options?: CallOptions,
      ) => Promise<ClientStream>
    : (
        receiver: StreamReceiver<M['response']>,
        options?: CallOptions,
      ) => Promise<ClientBidiStream<M['requestInput']>>;

export type RpcClient<Types extends ServiceTypes> = {
  readonly [Name in keyof Types]: ClientMethod<Types[Name]>;
};

type Connected = () => Promise<Client>;
type Method = MethodDefinition<object, object>;

export function createClient<Types extends ServiceTypes>(
  service: RpcService<Types>,
  connected: Connected,
): RpcClient<Types> {
  const client: Record<string, unknown> = {};
  for (const [definedName, definition] of Object.entries(service.definition)) {
    const name = definedName.charAt(0).toLowerCase() + definedName.slice(1);
    const method = definition as Method;
    if (method.requestStream) {
      client[name] = (receiver: StreamReceiver<unknown>, options: CallOptions = {}) =>
        openBidi(method, connected, receiver, options);
    } else if (method.responseStream) {
      client[name] = (
        request: object,
        receiver: StreamReceiver<unknown>,
        options: CallOptions = {},
      ) => openServerStream(method, connected, request, receiver, options);
    } else {
      client[name] = (request: object, options: CallOptions = {}) =>
        callUnary(method, connected, request, options);
    }
  }
  return client as RpcClient<Types>;
}

async function callUnary(
  method: Method,
  connected: Connected,
  request: object,
  options: CallOptions,
): Promise<unknown> {
  const deadline = Date.now() + (options.timeoutMs ?? UNARY_TIMEOUT_MS);
  const client = await within(connected(), deadline, options.signal);
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      new Metadata(),
      { deadline },
      (error, response) => {
        options.signal?.removeEventListener('abort', abort);
        if (error === null) resolve(response);
        else reject(fromServiceError(error));
      },
    );
    const abort = (): void => call.cancel();
    options.signal?.addEventListener('abort', abort, { once: true });
    if (options.signal?.aborted === true) abort();
  });
}

async function openServerStream(
  method: Method,
  connected: Connected,
  request: object,
  receiver: StreamReceiver<unknown>,
  options: CallOptions,
): Promise<ClientStream> {
  const client = await within(connected(), deadlineOf(options), options.signal);
  const call = client.makeServerStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    request,
    new Metadata(),
    { deadline: deadlineOf(options) },
  );
  return receive(call, receiver, options.signal);
}

async function openBidi(
  method: Method,
  connected: Connected,
  receiver: StreamReceiver<unknown>,
  options: CallOptions,
): Promise<ClientBidiStream<unknown>> {
  const client = await within(connected(), deadlineOf(options), options.signal);
  const call = client.makeBidiStreamRequest(
    method.path,
    method.requestSerialize,
    method.responseDeserialize,
    new Metadata(),
    { deadline: deadlineOf(options) },
  );
  let over = false;
  const sender = createSender<unknown>(call);
  const stream = receive(
    call,
    {
      onMessage: (message) => receiver.onMessage(message),
      onEnd: (error) => {
        over = true;
        receiver.onEnd(error);
      },
    },
    options.signal,
  );
  return {
    ...stream,
    send: (message, sizeBytes, taken) => !over && sender.send(message, sizeBytes, taken),
    waitingBytes: () => sender.waitingBytes(),
    end: () => call.end(),
  };
}

function receive(
  call: ClientReadableStream<unknown> | ClientDuplexStream<unknown, unknown>,
  receiver: StreamReceiver<unknown>,
  signal: AbortSignal | undefined,
): ClientStream {
  const cancel = (): void => call.cancel();
  let over = false;
  const finish = (error?: RpcError): void => {
    if (over) return;
    over = true;
    signal?.removeEventListener('abort', cancel);
    receiver.onEnd(error);
  };
  call.on('data', (message: unknown) => {
    if (!over) receiver.onMessage(message);
  });
  call.on('error', (error) => finish(fromServiceError(error)));
  call.on('end', () => finish());
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted === true) cancel();
  return { cancel };
}

function deadlineOf(options: CallOptions): number {
  return options.timeoutMs === undefined ? Infinity : Date.now() + options.timeoutMs;
}

/** The value, unless the deadline (wall clock) passes or the signal aborts first. */
function within<T>(promise: Promise<T>, deadline: number, signal?: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = Number.isFinite(deadline)
      ? setTimeout(
          () => finish(() => reject(new RpcError('deadline-exceeded', 'no connection in time'))),
          Math.max(0, deadline - Date.now()),
        )
      : undefined;
    const onAbort = (): void => finish(() => reject(new RpcError('cancelled', 'call aborted')));
    const finish = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      settle();
    };
    if (signal?.aborted === true) return onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    promise.then(
      (value) => finish(() => resolve(value)),
      (error: unknown) => finish(() => reject(fromServiceError(error))),
    );
  });
}
