/** The routing table: HTTP method and kind of path → verb → handler. */
import type { ApiRequest, Handler } from './context.ts';
import { createResource, replaceResource } from './create.ts';
import { deleteCollection, deleteResource } from './delete.ts';
import { patchResource } from './patch.ts';
import { getResource, listResource } from './read.ts';
import type { Verb } from './resources.ts';
import { reviewAccess, reviewSelf, reviewToken } from './reviews.ts';
import { finalizeNamespace } from './subresources/namespace.ts';
import { bindPod, evictPod, readLog } from './subresources/pod.ts';
import { requestToken } from './subresources/token.ts';
import { getScale, patchScale, replaceScale } from './subresources/scale.ts';
import { watchResource } from './watch.ts';

interface Route {
  readonly verb: Verb;
  readonly handler: Handler;
}

type Methods = Readonly<Record<string, Route>>;

const COLLECTION: Methods = {
  GET: { verb: 'list', handler: listResource },
  POST: { verb: 'create', handler: createResource },
  DELETE: { verb: 'deletecollection', handler: deleteCollection },
};

const ITEM: Methods = {
  GET: { verb: 'get', handler: getResource },
  PUT: { verb: 'update', handler: replaceResource },
  PATCH: { verb: 'patch', handler: patchResource },
  DELETE: { verb: 'delete', handler: deleteResource },
};

const WATCH: Route = { verb: 'watch', handler: watchResource };

const SUBRESOURCES: Readonly<Record<string, Methods>> = {
  status: {
    GET: { verb: 'get', handler: getResource },
    PUT: { verb: 'update', handler: replaceResource },
    PATCH: { verb: 'patch', handler: patchResource },
  },
  scale: {
    GET: { verb: 'get', handler: getScale },
    PUT: { verb: 'update', handler: replaceScale },
    PATCH: { verb: 'patch', handler: patchScale },
  },
  binding: { POST: { verb: 'create', handler: bindPod } },
  eviction: { POST: { verb: 'create', handler: evictPod } },
  token: { POST: { verb: 'create', handler: requestToken } },
  log: { GET: { verb: 'get', handler: readLog } },
  finalize: { PUT: { verb: 'update', handler: finalizeNamespace } },
};

/** Resources that answer a question instead of being stored. */
const REVIEWS: Readonly<Record<string, Handler>> = {
  selfsubjectaccessreviews: reviewAccess,
  subjectaccessreviews: reviewAccess,
  localsubjectaccessreviews: reviewAccess,
  selfsubjectreviews: reviewSelf,
  tokenreviews: reviewToken,
};

const isTrue = (value: string | null): boolean => value === 'true' || value === '1' || value === '';

/** The handler of a request; undefined: the method is not allowed there. */
export function handlerOf(request: ApiRequest): Handler | undefined {
  const { definition, method, name, subresource } = request;
  if (subresource !== '') {
    const route = SUBRESOURCES[subresource]?.[method];
    const offered = definition.subresources.find((one) => one.name === subresource);
    return route !== undefined && offered?.verbs.includes(route.verb) ? route.handler : undefined;
  }
  const watching =
    method === 'GET' && request.query.has('watch') && isTrue(request.query.get('watch'));
  const route = watching ? WATCH : (name === '' ? COLLECTION : ITEM)[method];
  if (route === undefined || !definition.verbs.includes(route.verb)) return undefined;
  // Writing one object of a namespaced resource needs a namespace in the path.
  if (route.verb === 'create') {
    if (definition.namespaced && request.namespace === '') return undefined;
    return REVIEWS[definition.plural] ?? route.handler;
  }
  if (route.verb === 'deletecollection' && definition.namespaced && request.namespace === '') {
    return undefined;
  }
  return route.handler;
}
