/** Turns what handlers answer into bytes, in the form the client asked for. */
import type { ServerResponse } from 'node:http';
import { dump } from 'js-yaml';
import type { StoredObject } from '../objects/index.ts';
import { renderTable } from '../schema/index.ts';
import type { Answer, Api, ApiRequest, ListAnswer, WatchFrame, WatchSource } from './context.ts';
import { apiVersionOf } from './decode.ts';
import { negotiate, type Accepted } from './negotiate.ts';
import type { ResourceDefinition } from './registry.ts';
import type { StatusBody } from './status.ts';

/** Bytes a slow watcher may leave unread before its watch is ended; it then resumes from its last version. */
const UNREAD_BYTES_MAX = 32 * 1024 * 1024;

/** The form is negotiated before anything is done, so that a 406 never follows a write. */
export async function present(
  api: Api,
  request: ApiRequest,
  accepted: Accepted,
  answer: Answer,
  response: ServerResponse,
): Promise<void> {
  switch (answer.kind) {
    case 'status':
      return sendBody(response, answer.code, accepted, answer.object);
    case 'object':
      return sendBody(
        response,
        answer.code,
        accepted,
        presentObject(api, request, accepted, answer.object),
      );
    case 'list':
      return sendBody(response, 200, accepted, presentList(api, request, accepted, answer.list));
    case 'watch':
      return sendWatch(api, request, accepted, answer.events, response);
    case 'nothing':
      response.writeHead(204).end();
      return undefined;
    case 'text':
      return sendText(request, answer.stream, response);
  }
}

function presentObject(
  api: Api,
  request: ApiRequest,
  accepted: Accepted,
  object: StoredObject,
): unknown {
  if (accepted.form === 'object') return object;
  if (accepted.form === 'metadata') return partial(object);
  const { resourceVersion = '' } = object.metadata;
  return table(api, request, [object], { resourceVersion });
}

function presentList(api: Api, request: ApiRequest, accepted: Accepted, list: ListAnswer): unknown {
  const { definition } = request;
  if (accepted.form === 'table') return table(api, request, list.items, list.metadata);
  if (accepted.form === 'metadata') {
    return {
      kind: 'PartialObjectMetadataList',
      apiVersion: 'meta.k8s.io/v1',
      metadata: list.metadata,
      items: list.items.map(partial),
    };
  }
  const items = definition.custom === undefined ? list.items.map(withoutType) : list.items;
  return {
    kind: definition.listKind,
    apiVersion: apiVersionOf(definition),
    metadata: definition.custom === undefined ? list.metadata : { continue: '', ...list.metadata },
    items,
  };
}

/** Items of built-in lists do not repeat kind and apiVersion; those of custom resources do. */
function withoutType({ apiVersion: _version, kind: _kind, ...rest }: StoredObject): unknown {
  return rest;
}

function partial(object: StoredObject): unknown {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: 'meta.k8s.io/v1',
    metadata: object.metadata,
  };
}

function table(
  api: Api,
  request: ApiRequest,
  objects: readonly StoredObject[],
  metadata: Readonly<Record<string, unknown>>,
): { columnDefinitions: unknown[] } {
  const { definition, query } = request;
  const include = query.get('includeObject');
  return renderTable({
    group: definition.group,
    version: definition.version,
    resource: definition.plural,
    objects: objects as never,
    ...(definition.custom && { columns: definition.custom.version.columns }),
    now: api.now(),
    ...((include === 'None' || include === 'Object') && { includeObject: include }),
    metadata,
  });
}

/** Sends one document; `contentType` replaces the plain media type of the encoding. */
export function sendBody(
  response: ServerResponse,
  code: number,
  accepted: Pick<Accepted, 'encoding'>,
  body: unknown,
  contentType?: string,
  options: { readonly cacheControl?: string } = {},
): void {
  const yaml = accepted.encoding === 'yaml';
  const text = yaml ? dump(body, { noRefs: true }) : `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    'content-type': contentType ?? (yaml ? 'application/yaml' : 'application/json'),
    'content-length': Buffer.byteLength(text),
    'cache-control': options.cacheControl ?? 'no-cache, private',
  });
  response.end(text);
}

/** Sends a refusal, whatever the client accepts. */
export function sendStatus(response: ServerResponse, status: StatusBody): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const retryAfter = status.details?.retryAfterSeconds;
  if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter));
  sendBody(response, status.code ?? 500, { encoding: 'json' }, status);
}

async function sendWatch(
  api: Api,
  request: ApiRequest,
  accepted: Accepted,
  source: WatchSource,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'application/json',
    'cache-control': 'no-cache, private',
    'transfer-encoding': 'chunked',
  });
  response.flushHeaders();
  const stopped = new AbortController();
  const signal = AbortSignal.any([request.signal, stopped.signal]);
  const frames = framePresenter(api, request, accepted);
  await source((frame) => {
    response.write(`${JSON.stringify({ type: frame.type, object: frames(frame) })}\n`);
    if (response.writableLength > UNREAD_BYTES_MAX) stopped.abort();
  }, signal);
  response.end();
}

/** In a stream of Tables only the first names its columns. */
function framePresenter(
  api: Api,
  request: ApiRequest,
  accepted: Accepted,
): (frame: WatchFrame) => unknown {
  let first = true;
  return (frame) => {
    if (frame.type === 'ERROR' || accepted.form === 'object') return frame.object;
    const object = frame.object as StoredObject;
    if (accepted.form === 'metadata') return partial(object);
    const { resourceVersion = '' } = object.metadata;
    const rows = frame.type === 'BOOKMARK' ? [] : [object];
    const rendered = table(api, request, rows, { resourceVersion });
    if (!first) rendered.columnDefinitions = [];
    first = false;
    return rendered;
  };
}

async function sendText(
  request: ApiRequest,
  stream: AsyncIterable<string | Uint8Array>,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
  response.flushHeaders();
  for await (const part of stream) {
    if (request.signal.aborted) break;
    if (!response.write(part)) {
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
  }
  response.end();
}

/** The form of the answer to `request`; Tables only where rows make sense. */
export function acceptedForm(request: ApiRequest, definition: ResourceDefinition): Accepted {
  const scale = request.subresource === 'scale';
  return negotiate(request.headers, !scale && definition.verbs.includes('list'));
}
