/** Handlers as promises and small stream objects, adapted to the callbacks of grpc-js. */
import type {
  ServerDuplexStream,
  ServerReadableStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
} from '@grpc/grpc-js';
import type { CounterMetric, Logger, Metrics } from '../telemetry/index.ts';
import type { PeerIdentity } from '../security/index.ts';
import { RpcError } from '../std/index.ts';
import { callerOf, checkAccess, type ServiceAccess } from './callers.ts';
import { toServiceError } from './status.ts';
import type { MethodTypes, RpcService, ServiceTypes } from './service.ts';
import { createSender, type Sender } from './sender.ts';

/** What a handler knows about its call. */
export interface CallContext {
  /** Address of the caller. */
  readonly peer: string;
  /** Who the caller's certificate says it is. */
  readonly caller: PeerIdentity;
  /** Aborts when the caller gave up, its connection broke or its deadline passed. */
  readonly signal: AbortSignal;
}

/** The answering side of a stream; see {@link Sender} for the limit on what waits. */
export interface ServerStream<Out> extends CallContext, Sender<Out> {
  /** Ends the stream, with an error's status when one is given. */
  end(error?: RpcError): void;
}

export interface ServerBidiStream<In, Out> extends ServerStream<Out> {
  /** Registers the receiver of messages; call it at once. */
  onMessage(handler: (message: In) => void): void;
  /** Called once, when the caller has nothing more to say or is gone. */
  onEnd(handler: () => void): void;
}

/** One handler per kind of method. A rejected or thrown RpcError is the call's status, anything else is `internal`. */
export type MethodHandler<M extends MethodTypes> = M['kind'] extends 'unary'
  ? (request: M['request'], context: CallContext) => Promise<M['responseInput']>
  : M['kind'] extends 'server-stream'
    ? (request: M['request'], stream: ServerStream<M['responseInput']>) => void
    : (stream: ServerBidiStream<M['request'], M['responseInput']>) => void;

export type ServiceHandlers<Types extends ServiceTypes> = {
  readonly [Name in keyof Types]: MethodHandler<Types[Name]>;
};

interface Telemetry {
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly access: ServiceAccess<ServiceTypes>;
}
type AnyCall = ServerUnaryCall<unknown, unknown> &
  ServerReadableStream<unknown, unknown> &
  ServerWritableStream<unknown, unknown> &
  ServerDuplexStream<unknown, unknown>;
type Bidi = ServerBidiStream<unknown, unknown>;

/** The implementation object that grpc-js wants for a service. */
export function adaptHandlers<Types extends ServiceTypes>(
  service: RpcService<Types>,
  handlers: ServiceHandlers<Types>,
  options: Pick<Telemetry, 'logger' | 'metrics'> & { readonly access: ServiceAccess<Types> },
): Record<string, unknown> {
  const telemetry: Telemetry = options;
  // It is exported before there is one to count.
  internalErrors(telemetry.metrics);
  denials(telemetry.metrics);
  const adapted: Record<string, unknown> = {};
  for (const [definedName, method] of Object.entries(service.definition)) {
    const name = definedName.charAt(0).toLowerCase() + definedName.slice(1);
    const handler = (handlers as Record<string, unknown>)[name];
    if (method.requestStream) {
      adapted[definedName] = (call: AnyCall) =>
        runStream(name, call, telemetry, (stream) => (handler as (s: Bidi) => void)(stream));
    } else if (method.responseStream) {
      adapted[definedName] = (call: AnyCall) =>
        runStream(name, call, telemetry, (stream) =>
          (handler as (r: unknown, s: Bidi) => void)(call.request, stream),
        );
    } else {
      adapted[definedName] = (call: AnyCall, callback: sendUnaryData<unknown>) =>
        void runUnary(
          name,
          call,
          callback,
          telemetry,
          handler as (r: unknown, c: CallContext) => Promise<unknown>,
        );
    }
  }
  return adapted;
}

async function runUnary(
  method: string,
  call: AnyCall,
  callback: sendUnaryData<unknown>,
  telemetry: Telemetry,
  handler: (request: unknown, context: CallContext) => Promise<unknown>,
): Promise<void> {
  try {
    callback(null, await handler(call.request, contextOf(method, call, telemetry)));
  } catch (error) {
    reportInternal(telemetry, method, error);
    callback(toServiceError(error));
  }
}

function runStream(
  method: string,
  call: AnyCall,
  telemetry: Telemetry,
  start: (stream: Bidi) => void,
): void {
  call.on('error', () => undefined);
  let context: CallContext;
  try {
    context = contextOf(method, call, telemetry);
  } catch (error) {
    call.emit('error', toServiceError(error));
    return;
  }
  let ended = false;
  const end = (error?: unknown): void => {
    if (ended) return;
    ended = true;
    if (error === undefined) call.end();
    else call.emit('error', toServiceError(error));
  };
  const sender = createSender<unknown>(call);
  const stream: Bidi = {
    ...context,
    send: (message, sizeBytes, taken) =>
      !ended && !context.signal.aborted && sender.send(message, sizeBytes, taken),
    waitingBytes: () => sender.waitingBytes(),
    end,
    onMessage(handler) {
      call.on('data', (message: unknown) => {
        if (ended) return;
        try {
          handler(message);
        } catch (error) {
          reportInternal(telemetry, method, error);
          end(error);
        }
      });
    },
    onEnd(handler) {
      let called = false;
      const once = (): void => {
        if (!called) handler();
        called = true;
      };
      call.on('end', once);
      context.signal.addEventListener('abort', once, { once: true });
    },
  };
  try {
    start(stream);
  } catch (error) {
    reportInternal(telemetry, method, error);
    end(error);
  }
}

/** Throws {@link RpcError} when the caller may not call this. */
function contextOf(
  method: string,
  call: AnyCall,
  { access, logger, metrics }: Telemetry,
): CallContext {
  const caller = callerOf(call as Parameters<typeof callerOf>[0]);
  try {
    checkAccess(caller, method, access);
  } catch (error) {
    denials(metrics).inc({ method });
    logger.warn('call refused', { method, caller, remote: call.getPeer() });
    throw error;
  }
  const controller = new AbortController();
  call.on('cancelled', () => controller.abort(new RpcError('cancelled', 'the caller is gone')));
  return { peer: call.getPeer(), caller, signal: controller.signal };
}

/** Calls that ended by a fault of this program. */
const internalErrors = (metrics: Metrics): CounterMetric =>
  metrics.counter('rpc_internal_errors_total', 'Calls that failed by a fault of ours.', ['method']);

/** Calls of who has a certificate of the cluster, but not for this. */
const denials = (metrics: Metrics): CounterMetric =>
  metrics.counter('rpc_calls_denied_total', "Calls that the caller's role does not allow.", [
    'method',
  ]);

function reportInternal(telemetry: Telemetry, method: string, error: unknown): void {
  if (error instanceof RpcError) return;
  internalErrors(telemetry.metrics).inc({ method });
  telemetry.logger.error('call failed', {
    method,
    error: String((error as Error)?.stack ?? error),
  });
}
