/** A URL's path taken apart: which resource it names, and what a request there attempts. */
import type { Attempt } from '../core/index.ts';

interface ResourcePath {
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
}

/** `/api/v1/…` and `/apis/GROUP/VERSION/…`; undefined for any other path. */
export function parseResourcePath(segments: readonly string[]): ResourcePath | undefined {
  const [root, ...rest] = segments;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : rest.shift();
  const version = rest.shift();
  if (group === undefined || version === undefined || rest.length === 0) return undefined;
  let namespace = '';
  // `namespaces/x/status` is about the namespace itself, `namespaces/x/pods` about what is in it.
  const own = rest.length === 3 && ['status', 'finalize'].includes(rest[2] ?? '');
  if (rest[0] === 'namespaces' && rest.length > 2 && !(own && group === '')) {
    namespace = rest[1] ?? '';
    rest.splice(0, 2);
  }
  const [plural = '', name = '', ...sub] = rest;
  if (sub.length > 1) return undefined;
  return { group, version, plural, namespace, name, subresource: sub[0] ?? '' };
}

const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** What a request attempts, whether or not what it names exists (Kubernetes, request verbs and authorization). */
export function attemptOf(method: string, url: URL, segments: readonly string[]): Attempt {
  const path = parseResourcePath(segments);
  // Discovery and whatever is not about resources.
  if (path === undefined || (path.plural === '' && path.name === ''))
    return { kind: 'path', verb: method.toLowerCase(), path: url.pathname };
  const { group, plural: resource, subresource, namespace } = path;
  const verb = VERBS[method] ?? method.toLowerCase();
  const named = path.name !== '';
  const attempt = { kind: 'resource', group, resource, subresource } as const;
  const own = { namespace: namespaceOf(path), name: path.name };
  if (named || (verb !== 'get' && verb !== 'delete')) return { ...attempt, ...own, verb };
  if (verb === 'delete') return { ...attempt, ...own, verb: 'deletecollection' };
  const watch = url.searchParams.get('watch');
  const watching = watch !== null && watch !== 'false' && watch !== '0';
  // A selector that means one object is as good as its name, for rules that list names.
  const selected = /(?:^|,)metadata\.name=([^,=]+)(?:,|$)/.exec(
    url.searchParams.get('fieldSelector') ?? '',
  );
  const name = selected?.[1] ?? '';
  return { ...attempt, namespace, name, verb: watching ? 'watch' : 'list' };
}

/** A namespace is inside itself. */
const namespaceOf = ({ group, plural, namespace, name }: ResourcePath): string =>
  group === '' && plural === 'namespaces' ? name : namespace;
