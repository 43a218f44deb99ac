/** Carries out what a probe or a life cycle hook asks for: an HTTP request, a connection, a command, a wait. */
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { delay, type Clock } from '../../std/index.ts';
import type { Container, Handler, HttpGet, IntOrString } from '../core/index.ts';
import { twinOf } from '../network/index.ts';

export interface HandlerContext {
  readonly container: Container;
  /** The pod's cluster address. */
  readonly podIP: string;
  readonly clock: Clock;
  /** Runs a command as in the container; resolves with its exit code and output. */
  exec(
    command: readonly string[],
    signal: AbortSignal,
  ): Promise<{ exitCode: number; output: string }>;
}

export interface HandlerResult {
  readonly ok: boolean;
  /** Why not; for events. */
  readonly message: string;
}

/** How much of an answer or of a command's output is told in an event. */
const MESSAGE_CHARACTERS_MAX = 200;

/** A probe. Never rejects: whatever goes wrong is a result. `timeoutMs` bounds the whole. */
export function runHandler(
  handler: Handler,
  context: HandlerContext,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HandlerResult> {
  return within(timeoutMs, context, signal, (limit) => dispatch(handler, context, limit, 'probe'));
}

/** A life cycle hook, otherwise as {@link runHandler}; any HTTP answer is good. Source: kubelet `handlerRunner.Run`. */
export function runHook(
  hook: Handler,
  context: HandlerContext,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<HandlerResult> {
  return within(timeoutMs, context, signal, async (limit) => {
    // The API server admits it for compatibility only.
    if (hook.tcpSocket !== undefined) return { ok: false, message: 'invalid handler' };
    return dispatch(hook, context, limit, 'lifecycle');
  });
}

async function within(
  timeoutMs: number,
  { clock }: HandlerContext,
  signal: AbortSignal,
  body: (limit: AbortSignal) => Promise<HandlerResult>,
): Promise<HandlerResult> {
  const timer = new AbortController();
  const cancel = clock.schedule(timeoutMs, () =>
    timer.abort(new Error(`no answer within ${timeoutMs / 1000} s`)),
  );
  const limit = AbortSignal.any([signal, timer.signal]);
  try {
    return await body(limit);
  } catch (error) {
    const reason = limit.aborted ? (limit.reason as Error) : (error as Error);
    return { ok: false, message: reason.message };
  } finally {
    cancel();
  }
}

type Purpose = 'probe' | 'lifecycle';

async function dispatch(
  handler: Handler,
  context: HandlerContext,
  signal: AbortSignal,
  purpose: Purpose,
): Promise<HandlerResult> {
  const { httpGet, tcpSocket, exec, sleep } = handler;
  if (httpGet !== undefined) return httpCheck(httpGet, context, signal, purpose);
  if (tcpSocket !== undefined)
    return tcpCheck(hostOf(tcpSocket.host, context), portOf(tcpSocket.port, context), signal);
  if (exec !== undefined) {
    const { exitCode, output } = await context.exec(exec.command ?? [], signal);
    return { ok: exitCode === 0, message: output.slice(-MESSAGE_CHARACTERS_MAX).trim() };
  }
  if (sleep !== undefined) {
    await delay(context.clock, sleep.seconds * 1000, signal);
    return { ok: true, message: '' };
  }
  return { ok: false, message: 'the laptop cluster knows httpGet, tcpSocket, exec and sleep only' };
}

/** Inside a pod localhost is the pod's address. */
function hostOf(host: string | undefined, { podIP }: HandlerContext): string {
  const isLocal = host === undefined || host === '' || host === 'localhost' || host === '127.0.0.1';
  return twinOf(isLocal ? podIP : host);
}

function portOf(port: IntOrString, { container }: HandlerContext): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port)?.containerPort;
  const number = named ?? Number(port);
  if (!Number.isInteger(number)) throw new Error(`no port named "${port}"`);
  return number;
}

function httpCheck(
  get: HttpGet,
  context: HandlerContext,
  signal: AbortSignal,
  purpose: Purpose,
): Promise<HandlerResult> {
  const host = hostOf(get.host, context);
  const port = portOf(get.port, context);
  const path = get.path ?? '/';
  const headers = {
    host: `${get.host ?? context.podIP}:${port}`,
    'user-agent': `kube-${purpose}/1.35`,
    accept: '*/*',
    connection: 'close',
    ...Object.fromEntries(
      (get.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value]),
    ),
  };
  return new Promise((resolve, reject) => {
    const send = get.scheme === 'HTTPS' ? httpsRequest : httpRequest;
    const options = { host, port, path, headers, agent: false, signal, rejectUnauthorized: false };
    const request = send(options, (response) => {
      const status = response.statusCode ?? 0;
      response.resume();
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          ok: purpose === 'lifecycle' || (status >= 200 && status < 400),
          message: `HTTP probe failed with statuscode: ${status}`,
        }),
      );
    });
    request.on('error', reject);
    request.end();
  });
}

function tcpCheck(host: string, port: number, signal: AbortSignal): Promise<HandlerResult> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal }, () => {
      socket.destroy();
      resolve({ ok: true, message: '' });
    });
    socket.on('error', reject);
  });
}
