/** What the caller may do: everything for members of system:masters, for others what roles and bindings say. */
import {
  decideAccess,
  allows,
  type AccessBinding,
  type AccessVerdict,
  type Attempt,
  type PolicyRule,
} from '../core/index.ts';
import type { ObjectKey, StoredObject } from '../objects/index.ts';
import type { Api, ApiRequest, User } from './context.ts';
import { ApiError, forbidden } from './status.ts';

const MASTERS = 'system:masters';
const AUTHENTICATED = 'system:authenticated';
const RBAC = 'rbac.authorization.k8s.io';

const UNAUTHENTICATED = 'system:unauthenticated';

/** What the real server's own ClusterRoles give to everybody: public-info-viewer, discovery, basic-user. */
const FOR_EVERYBODY: readonly PolicyRule[] = [
  { verbs: ['get'], nonResourceURLs: ['/healthz', '/livez', '/readyz', '/version', '/version/'] },
];
const FOR_AUTHENTICATED: readonly PolicyRule[] = [
  {
    verbs: ['get'],
    nonResourceURLs: ['/api', '/api/*', '/apis', '/apis/*', '/openapi', '/openapi/*'],
  },
  {
    verbs: ['create'],
    apiGroups: ['authorization.k8s.io'],
    resources: ['selfsubjectaccessreviews', 'selfsubjectrulesreviews'],
  },
  {
    verbs: ['create'],
    apiGroups: ['authentication.k8s.io'],
    resources: ['selfsubjectreviews'],
  },
];

/** Whether `user` may make the attempt. */
export function authorize(api: Api, user: User, attempt: Attempt): AccessVerdict {
  if (user.groups.includes(MASTERS)) return { allowed: true };
  const common = [
    ...(user.groups.includes(UNAUTHENTICATED) ? FOR_EVERYBODY : []),
    ...(user.groups.includes(AUTHENTICATED) ? [...FOR_EVERYBODY, ...FOR_AUTHENTICATED] : []),
  ];
  if (common.some((rule) => allows(rule, attempt))) return { allowed: true };
  const listed = (resource: string): readonly AccessBinding[] => {
    const list = api.store.list(`${resource}.${RBAC}`);
    return (list.ok ? list.value.items : []) as unknown as readonly AccessBinding[];
  };
  return decideAccess(user, attempt, {
    bindings: [...listed('clusterrolebindings'), ...listed('rolebindings')],
    rules: ({ kind, name }, namespace) =>
      rulesOf(
        api.store.get(
          kind === 'ClusterRole'
            ? roleKey('clusterroles', '', name)
            : roleKey('roles', namespace, name),
        ),
      ),
  });
}

const roleKey = (plural: string, namespace: string, name: string): ObjectKey => ({
  resource: `${plural}.${RBAC}`,
  namespace,
  name,
});

function rulesOf(role: StoredObject | undefined): readonly PolicyRule[] | undefined {
  const rules = role?.['rules'];
  return Array.isArray(rules) ? (rules as PolicyRule[]) : undefined;
}

/** Who applies what does not exist creates it: leave to patch is not enough. Throws Forbidden. */
export function requireCreate(api: Api, request: ApiRequest): void {
  const { definition, namespace, name, user } = request;
  const { group, plural: resource } = definition;
  requireAllowed(api, user, {
    ...{ kind: 'resource', verb: 'create', subresource: '' },
    ...{ group, resource, namespace, name },
  });
}

/** Throws Forbidden in the words of the real server. */
export function requireAllowed(api: Api, user: User, attempt: Attempt): void {
  const verdict = authorize(api, user, attempt);
  if (verdict.allowed) return;
  const why = verdict.reason === undefined ? '' : `: ${verdict.reason}`;
  const who = `User ${JSON.stringify(user.name)} cannot ${attempt.verb}`;
  if (attempt.kind === 'path') {
    const { body } = forbidden({ group: '', plural: '', kind: '' }, '', '');
    throw new ApiError({
      ...body,
      message: `forbidden: ${who} path ${JSON.stringify(attempt.path)}${why}`,
      details: {},
    });
  }
  const { group, resource, subresource, namespace, name } = attempt;
  const path = subresource === '' ? resource : `${resource}/${subresource}`;
  const where =
    namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  throw forbidden(
    { group, plural: resource, kind: '' },
    name,
    `${who} resource ${JSON.stringify(path)} in API group ${JSON.stringify(group)} ${where}${why}`,
  );
}
