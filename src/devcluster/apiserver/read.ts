/** GET: one object, or a list in pages that all show the same moment. */
import type { StoredObject } from '../objects/index.ts';
import type { Answer, Api, ApiRequest } from './context.ts';
import { fieldSelector, labelSelector, type Selector } from './selectors.ts';
import { badRequest, expired, futureRevision } from './status.ts';
import { fromStored } from './versions.ts';
import { requireLive } from './write.ts';

/** Answers one object, also for `/status`. */
export function getResource(api: Api, request: ApiRequest): Answer {
  return { kind: 'object', code: 200, object: requireLive(api, request) };
}

/** The selector of a list, watch or collection deletion: labels, fields, and the name when the path has one. */
export function selectorOf(request: ApiRequest): Selector {
  const { query, definition, name } = request;
  const labels = labelSelector(query.get('labelSelector') ?? '');
  const fields = fieldSelector(query.get('fieldSelector') ?? '', definition);
  return (object) =>
    labels(object) && fields(object) && (name === '' || object.metadata.name === name);
}

/** Answers a list; with `limit` a page of it, and a token for the next. */
export function listResource(api: Api, request: ApiRequest): Answer {
  const { definition, query } = request;
  const selector = selectorOf(request);
  const token = parseToken(query.get('continue') ?? '');
  const exact = query.get('resourceVersionMatch') === 'Exact';
  const asked = parseRevision(query.get('resourceVersion'));
  const at = token?.revision ?? (exact ? asked : undefined);
  if (at === undefined && asked !== undefined && asked > api.store.revision()) {
    throw futureRevision(asked, api.store.revision());
  }
  const namespace =
    definition.namespaced && request.namespace !== '' ? request.namespace : undefined;
  const listed = api.store.list(definition.storage, { namespace, at });
  if (!listed.ok) {
    if (listed.error.reason === 'future') throw futureRevision(at ?? 0, api.store.revision());
    throw listExpired(api, token);
  }
  const revision = listed.value.revision;
  const after = token?.after;
  const remaining = listed.value.items.filter(
    (item) => after === undefined || pageKey(item) > after,
  );
  const selected = remaining.map((item) => fromStored(definition, item)).filter(selector);
  const limit = Number(query.get('limit') ?? '0');
  const paged = limit > 0 && selected.length > limit;
  const items = paged ? selected.slice(0, limit) : selected;
  const filtered = query.has('labelSelector') || query.has('fieldSelector');
  return {
    kind: 'list',
    list: {
      items,
      metadata: {
        resourceVersion: String(revision),
        ...(paged && {
          continue: makeToken(revision, items.at(-1)),
          ...(!filtered && { remainingItemCount: selected.length - items.length }),
        }),
      },
    },
  };
}

/** A resourceVersion parameter as a number; undefined when absent or empty. Throws BadRequest. */
export function parseRevision(text: string | null): number | undefined {
  if (text === null || text === '') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw badRequest(
    `invalid resource version: resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

interface ContinueToken {
  /** The moment of the first page; undefined: the client accepted an inconsistent remainder. */
  readonly revision: number | undefined;
  readonly after: string;
}

/** Position in a list: the order of the store. */
function pageKey(object: StoredObject): string {
  return `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
}

function makeToken(revision: number, last: StoredObject | undefined): string {
  const start = last === undefined ? '' : pageKey(last);
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start })).toString(
    'base64url',
  );
}

function parseToken(text: string): ContinueToken | undefined {
  if (text === '') return undefined;
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as {
      rv?: unknown;
      start?: unknown;
    };
    if (typeof token.rv === 'number' && typeof token.start === 'string') {
      return { revision: token.rv < 0 ? undefined : token.rv, after: token.start };
    }
  } catch (error) {
    throw badRequest(
      `invalid continue token: continue key is not valid: ${(error as Error).message}`,
    );
  }
  throw badRequest(
    'invalid continue token: continue key is not valid: incorrect encoded start key',
  );
}

/** 410; for a page the answer holds a token with which the client may take the rest as it is now. */
function listExpired(api: Api, token: ContinueToken | undefined): Error {
  if (token === undefined) {
    return expired('The resourceVersion for the provided list is too old.');
  }
  const start = token.after;
  const fresh = Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: -1, start })).toString(
    'base64url',
  );
  return expired(
    'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    { continue: fresh, resourceVersion: String(api.store.revision()) },
  );
}
