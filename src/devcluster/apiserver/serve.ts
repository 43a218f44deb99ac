/** One request from its first byte to its answer: who, what, which handler, and every refusal as a Status. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { openApiDiscovery, openApiDocument } from '../schema/index.ts';
import { ANONYMOUS, authenticate } from './authenticate.ts';
import { requireAllowed } from './authorize.ts';
import type { Api, ApiRequest, User } from './context.ts';
import { discover } from './discovery.ts';
import { impersonate } from './impersonate.ts';
import { acceptedForm, present, sendBody, sendStatus } from './present.ts';
import { BUILTIN_RESOURCES } from './resources.ts';
import { attemptOf, parseResourcePath } from './resource-path.ts';
import { handlerOf } from './routes.ts';
import {
  ApiError,
  badRequest,
  internalError,
  methodNotAllowed,
  tooLarge,
  unauthorized,
  unknownResource,
} from './status.ts';
import { SERVER_VERSION } from './version.ts';

/** The real server's limit of a request body. */
const BODY_BYTES_MAX = 3 * 1024 * 1024;

export interface ServeOptions {
  readonly api: Api;
  /** `host:port` as clients see it. */
  readonly address: () => string;
  /** Aborts when the server stops. */
  readonly stopping: AbortSignal;
}

const JSON_FORM = { encoding: 'json' } as const;

/** Answers one request; never rejects. */
export async function serve(
  options: ServeOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { api } = options;
  try {
    await route(options, message, response);
  } catch (error) {
    if (error instanceof ApiError) return sendStatus(response, error.body);
    // Whoever has left gets no answer, and is no failure.
    if (response.destroyed || message.errored !== null) return;
    api.logger.error('request failed', { method: message.method, url: message.url, error });
    sendStatus(response, internalError((error as Error).message).body);
  }
}

async function route(
  options: ServeOptions,
  message: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(message.url ?? '/', 'https://localhost');
  const caller = await authenticate(options.api, message);
  if (caller === undefined) throw unauthorized();
  if (caller === ANONYMOUS && message.headers.authorization !== undefined) throw unauthorized();
  const user = impersonate(options.api, message, caller);
  const path = url.pathname.length > 1 ? url.pathname.replace(/\/+$/, '') : url.pathname;
  const segments = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodePart);
  requireAllowed(options.api, user, attemptOf(message.method ?? 'GET', url, segments));
  if (serveText(path, response)) return;
  if (path.startsWith('/openapi/')) return serveOpenApi(options, url, segments, response);
  const accept = message.headers.accept;
  const { registry } = options.api;
  const discovery = discover(registry, segments, { accept, address: options.address() });
  if (discovery !== undefined) {
    sendBody(
      response.setHeader('vary', 'Accept'),
      200,
      JSON_FORM,
      discovery.body,
      discovery.contentType,
    );
    return;
  }
  const request = toRequest(options, message, url, segments, user, response);
  if (request === undefined) {
    if (isBuiltinGroup(segments)) throw unknownResource();
    return notFoundPage(response);
  }
  const handler = handlerOf(request);
  if (handler === undefined) throw methodNotAllowed();
  const accepted = acceptedForm(request, request.definition);
  const answer = await handler(options.api, request);
  // What is acknowledged or shown must survive a crash.
  await options.api.store.durable();
  await present(options.api, request, accepted, answer, response);
}

/** Below a built-in group a wrong path is answered as a Status, elsewhere with a page of text. */
function isBuiltinGroup([root, group]: readonly string[]): boolean {
  if (root === 'api') return group === 'v1';
  return (
    root === 'apis' && BUILTIN_RESOURCES.some((one) => one.group !== '' && one.group === group)
  );
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`invalid URL escape in ${JSON.stringify(part)}`);
  }
}

/** Paths that are not about resources. */
function serveText(path: string, response: ServerResponse): boolean {
  if (path === '/version') {
    sendBody(response, 200, JSON_FORM, SERVER_VERSION);
    return true;
  }
  if (!/^\/(healthz|livez|readyz)(\/|$)/.test(path)) return false;
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' }).end('ok');
  return true;
}

function serveOpenApi(
  options: ServeOptions,
  url: URL,
  segments: readonly string[],
  response: ServerResponse,
): void {
  const custom = options.api.registry.customResources();
  const [, version, ...rest] = segments;
  if (version !== 'v3') return notFoundPage(response);
  const body =
    rest.length === 0 ? openApiDiscovery(custom) : openApiDocument(rest.join('/'), custom);
  if (body === undefined) return notFoundPage(response);
  // A document's address holds its hash, so what was fetched under it stays right for ever.
  const cached = url.searchParams.has('hash') ? { cacheControl: 'public, immutable' } : {};
  sendBody(response, 200, JSON_FORM, body, 'application/json', cached);
}

function notFoundPage(response: ServerResponse): void {
  response.writeHead(404, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
  });
  response.end('404 page not found\n');
}

function toRequest(
  options: ServeOptions,
  message: IncomingMessage,
  url: URL,
  segments: readonly string[],
  user: User,
  response: ServerResponse,
): ApiRequest | undefined {
  const path = parseResourcePath(segments);
  if (path === undefined) return undefined;
  const { registry } = options.api;
  const definition = registry.find(path.group, path.version, path.plural);
  if (definition === undefined) return undefined;
  const itemPath = path.name !== '' && definition.namespaced && path.namespace === '';
  if (itemPath || (!definition.namespaced && path.namespace !== '')) throw unknownResource();
  const known = definition.subresources.some((one) => one.name === path.subresource);
  if (path.subresource !== '' && !known) throw unknownResource();
  const left = new AbortController();
  response.once('close', () => left.abort());
  const warned = new Set<string>();
  return {
    method: message.method ?? 'GET',
    headers: message.headers,
    query: url.searchParams,
    user,
    definition,
    namespace: path.namespace,
    name: path.name,
    subresource: path.subresource,
    body: () => readBody(message),
    signal: AbortSignal.any([left.signal, options.stopping]),
    warn(text) {
      warned.add(`299 - ${JSON.stringify(text)}`);
      response.setHeader('warning', [...warned]);
    },
  };
}

async function readBody(message: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of message) {
    bytes += (part as Buffer).length;
    if (bytes > BODY_BYTES_MAX) throw tooLarge(BODY_BYTES_MAX);
    parts.push(part as Buffer);
  }
  return Buffer.concat(parts);
}
